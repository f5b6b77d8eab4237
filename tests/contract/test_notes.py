"""Notes: routes, events by both names, access; clients on the other node than the writer."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.clients import Listener, listening
from tests.contract.test_chats import calling, folded, two
from tests.support.nodes import Api, Fleet, eventually, token


async def made(api: Api, **fields: Any) -> Any:
    answer = await api.client.post("/api/v1/notes/create", json={"title": "A note"} | fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def changed(api: Api, note_id: str, **fields: Any) -> Any:
    answer = await api.client.post(f"/api/v1/notes/{note_id}/update", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def note(api: Api, note_id: str) -> Any:
    answer = await api.client.get(f"/api/v1/notes/{note_id}")
    return answer.json() | {"position": ""} if answer.status_code == 200 else answer.status_code


async def share(api: Api, note_id: str, **permissions: str) -> None:
    grants = [{"user_id": user_id, "permission": word} for user_id, word in sorted(permissions.items())]
    answer = await api.client.post(f"/api/v1/notes/{note_id}/access", json={"grants": grants})
    assert (answer.status_code, answer.json()) == (200, {"grants": grants})


async def join(listener: Listener, note_id: str) -> Any:
    return await listener.call("join-note", {"note_id": note_id, "auth": {}})


def titles(listener: Listener, event: str) -> list[str]:
    return [body["title"] for body in listener.of(event)]


async def test_a_note_is_made_read_changed_and_listed_before_and_after_the_fold(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), calling(other.url, "alice") as (same,):
        first = (await made(api, data={"content": {"md": "x"}, "kept": 1}))["id"]
        second = (await made(api))["id"]
        answer = await changed(api, first, data={"content": {"md": "y"}})
        assert answer["data"] == {"content": {"md": "y"}, "kept": 1}
        assert (await note(same, first))["data"] == answer["data"]
        await asyncio.gather(changed(api, second, title="new"), changed(same, second, meta={"color": "red"}))
        both = await note(same, second)
        assert (both["title"], both["meta"]) == ("new", {"color": "red"}), "changes of different fields are both kept"

        async def all_of_it() -> Any:
            listed = (await same.client.get("/api/v1/notes/")).json()
            return [await note(same, first), await note(same, second), [line | {"position": ""} for line in listed]]

        before = await all_of_it()
        assert [line["id"] for line in before[2]] == [second, first]
        await folded(fleet, one, f"note:{first}")
        await folded(fleet, one, f"note:{second}")
        await folded(fleet, one, "user:alice")
        assert await all_of_it() == before


async def test_readers_are_shown_every_change_by_both_names_and_rejoined_by_resume(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="read")
        async with listening(other.url, "bob") as bob:
            assert await join(bob, note_id)
            await changed(api, note_id, title="one")
            await eventually(lambda: titles(bob, "events:note") == titles(bob, "note-events") == ["one"])
            await bob.drop()
            await changed(api, note_id, title="two")
            await bob.open(one.url, token("bob"), transports=["websocket"])
            assert bob.recovered
            await changed(api, note_id, title="three")
            for event in ("events:note", "note-events"):
                await eventually(lambda event=event: titles(bob, event) == ["one", "two", "three"])
            shown = bob.of("note-events")[-1]
            assert (shown["id"], shown["user_id"], "access_grants" in shown) == (note_id, "alice", False)


async def test_writers_of_different_keys_at_once_are_both_kept_and_shown(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), calling(other.url, "alice") as (same,):
        note_id = (await made(api, data={"kept": 1, "n0": -1}, meta={"kept": 2}))["id"]
        async with listening(other.url, "alice") as page:
            assert await join(page, note_id)
            await asyncio.gather(
                *(
                    changed(who, note_id, data={f"n{n}": n}, meta={f"m{n}": n})
                    for n in range(10)
                    for who in (api, same)
                ),
                changed(same, note_id, title="new"),
            )
            whole = {f"n{n}": n for n in range(10)} | {"kept": 1}, {f"m{n}": n for n in range(10)} | {"kept": 2}
            found = await note(same, note_id)
            assert (found["title"], found["data"], found["meta"]) == ("new", *whole)
            await eventually(
                lambda: [(n["title"], n["data"]) for n in page.of("note-events")[-1:]] == [("new", whole[0])]
            )
        await folded(fleet, one, f"note:{note_id}")
        assert await note(api, note_id) == found


async def test_each_generation_is_shown_a_change_as_it_expects(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), listening(other.url, "alice") as page:
        note_id = (await made(api, data={"a": 1, "b": {"md": "x"}}, meta={"m": 1}))["id"]
        assert await join(page, note_id)
        await changed(api, note_id, data={"b": {"md": "y"}})
        await changed(api, note_id, title="new", data=None)
        await eventually(lambda: len(page.of("note-events")) == len(page.of("events:note")) == 2)
        first, second = page.of("events:note")
        assert (first["data"], first["meta"], second["title"], second["data"]) == (
            {"b": {"md": "y"}},
            {"m": 1},
            "new",
            {},
        )
        for old in page.of("note-events"):
            assert old["data"] == {"a": 1, "b": {"md": "y"}}, "the whole note"
            assert set(old) == {"id", "user_id", "title", "data", "meta", "created_at", "updated_at"}


async def test_writes_of_notes_are_made_once_by_their_key_and_acknowledged_when_they_are_folded(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), listening(other.url, "alice") as page:
        fleet.worker()
        once: dict[str, Any] = {"headers": {"Idempotency-Key": "k1"}, "params": {"ack": "sql"}}
        create, body = "/api/v1/notes/create", {"title": "A note", "data": {"n": 1}}
        made_twice = [(await api.client.post(create, json=body, **once)).json()["id"] for _ in range(2)]
        note_id = made_twice[0]
        assert made_twice == [note_id, note_id]
        stored = await one.node.archive.notes.notes([note_id])
        assert stored[note_id].note.data == {"n": 1}, "ack=sql: the fold is committed"
        other_body = await api.client.post(create, json={"title": "another"}, headers={"Idempotency-Key": "k1"})
        assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_key_reused")
        assert await join(page, note_id)
        update = f"/api/v1/notes/{note_id}/update"
        answers = [await api.client.post(update, json={"data": {"n": 2}}, **once) for _ in range(2)]
        assert [answer.json()["data"] for answer in answers] == [{"n": 2}, {"n": 2}]
        assert answers[0].json()["updated_at"] == answers[1].json()["updated_at"]
        await changed(api, note_id, title="end")
        await eventually(lambda: titles(page, "note-events")[-1:] == titles(page, "events:note")[-1:] == ["end"])
        for event in ("events:note", "note-events"):
            assert titles(page, event) == ["A note", "end"], "the second try showed nothing"
        grants = {"grants": [{"user_id": "bob", "permission": "read"}]}
        shared = await api.client.post(f"/api/v1/notes/{note_id}/access", json=grants, params={"ack": "sql"})
        assert (shared.status_code, shared.json()) == (200, grants)
        assert (await one.node.archive.notes.notes([note_id]))[note_id].grants
        gone = await api.client.delete(f"/api/v1/notes/{note_id}/delete", params={"ack": "sql"})
        assert gone.status_code == 200
        assert not (await one.node.archive.notes.notes([note_id]))[note_id].exists
        again = await api.client.post(create, json=body, **once)
        assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused"), "it was deleted since"


async def test_access_to_a_note_is_given_and_taken_away_on_every_node(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice", "bob", "carol") as (alice, bob, carol):
        note_id = (await made(alice))["id"]
        async with listening(other.url, "bob") as viewer, listening(other.url, "carol") as writer:
            assert await join(viewer, note_id) is False
            await share(alice, note_id, bob="read", carol="write")
            await eventually(lambda: viewer.of("note:access") == [{"note_id": note_id}])
            assert await join(viewer, note_id)
            assert await join(writer, note_id)
            assert [line["id"] for line in (await bob.client.get("/api/v1/notes/")).json()] == [note_id]
            update = f"/api/v1/notes/{note_id}/update"
            assert (await bob.client.post(update, json={"title": "no"})).status_code == 404
            assert (await carol.client.post(update, json={"title": "yes"})).json()["write_access"] is True
            assert (await note(bob, note_id))["write_access"] is False
            await eventually(lambda: titles(viewer, "events:note") == ["yes"])
            await viewer.drop()
            await share(alice, note_id, carol="write")
            await changed(alice, note_id, title="secret")
            await viewer.open(one.url, token("bob"), transports=["websocket"])
            await eventually(lambda: titles(writer, "events:note") == ["yes", "secret"])
            await eventually(lambda: len(viewer.of("note:access")) == 2)
            assert titles(viewer, "events:note") == titles(viewer, "note-events") == ["yes"]
            assert await join(viewer, note_id) is False
            assert await note(bob, note_id) == 404
            assert (await bob.client.get("/api/v1/notes/")).json() == []
            await folded(fleet, one, f"note:{note_id}")
            assert await note(bob, note_id) == 404
            assert (await note(carol, note_id))["title"] == "secret"


async def test_a_deleted_note_is_gone_on_every_node(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice", "bob") as (alice, bob):
        note_id = (await made(alice))["id"]
        await share(alice, note_id, bob="write")
        async with listening(other.url, "bob") as viewer:
            assert await join(viewer, note_id)
            assert (await bob.client.delete(f"/api/v1/notes/{note_id}/delete")).status_code == 404
            assert (await alice.client.delete(f"/api/v1/notes/{note_id}/delete")).status_code == 200
            assert not [s for s in other.node.sessions.by_sid.values() if f"note:{note_id}" in s.feed.rooms]
            assert await join(viewer, note_id) is False
        for _ in range(2):
            for api in (alice, bob):
                assert await note(api, note_id) == 404
                assert (await api.client.get("/api/v1/notes/")).json() == []
            await folded(fleet, one, f"note:{note_id}")


STRANGERS = (
    ("GET", "", None),
    ("POST", "/update", {"title": "mine now"}),
    ("POST", "/access", {"grants": [{"user_id": "mallory", "permission": "write"}]}),
    ("DELETE", "/delete", None),
)


async def test_a_stranger_is_answered_as_for_a_note_that_is_not_there(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (alice,):
        note_id = (await made(alice, title="The secret title"))["id"]
        await share(alice, note_id, bob="read")
        await share(alice, note_id)
        async with calling(other.url, "mallory", "bob") as apis, listening(other.url, "mallory") as socket:
            for api in apis:
                for method, path, body in STRANGERS:
                    answers = [
                        await api.client.request(method, f"/api/v1/notes/{name}{path}", json=body)
                        for name in (note_id, "unknown")
                    ]
                    assert [answer.status_code for answer in answers] == [404, 404], path
                    assert answers[0].text.replace(note_id, "unknown") == answers[1].text
                room = [(await api.client.get(f"/api/v1/rooms/note:{n}/events")).text for n in (note_id, "unknown")]
                assert room[0].replace(note_id, "unknown") == room[1]
                assert (await api.client.get("/api/v1/notes/")).json() == []
            assert [await join(socket, name) for name in (note_id, "unknown")] == [False, False]
            errors = [body["message"].replace(note_id, "unknown") for body in socket.of("error")]
            assert len(set(errors)) == 1
        assert (await note(alice, note_id))["title"] == "The secret title"


async def test_notes_are_found_by_a_word_and_by_whose_they_are_in_the_order_that_the_page_asks(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), calling(other.url, "bob") as (bob,):
        first = (await made(api, title="b plan", data={"content": {"md": "Fish and chips"}}))["id"]
        second = (await made(api, title="A list"))["id"]
        foreign = (await made(bob, title="Bob's fish"))["id"]
        await made(bob, title="Bob's own fish")
        await share(bob, foreign, alice="read")

        async def found(**query: Any) -> list[str]:
            answer = await api.client.get("/api/v1/notes/search", params=query)
            assert answer.status_code == 200, answer.text
            assert answer.json()["total"] == len(answer.json()["items"])
            return [line["id"] for line in answer.json()["items"]]

        await eventually_found(found, {foreign, second, first})
        assert await found(query="FISH", page=1, order_by="updated_at", direction="desc") == [foreign, first]
        assert await found(view_option="created", order_by="title", direction="asc") == [second, first]
        assert await found(view_option="shared") == [foreign]
        assert await found(view_option="created", order_by="created_at", direction="asc") == [first, second]
        line = (await api.client.get("/api/v1/notes/search", params={"view_option": "shared"})).json()["items"][0]
        assert (line["title"], line["user"]) == ("Bob's fish", {"id": "bob", "name": "Bob"})
        assert (await api.client.get("/api/v1/notes/search", params={"page": 2})).json() == {"items": [], "total": 3}
        assert (await api.client.get("/api/v1/notes/search", params={"order_by": "color"})).status_code == 400


async def eventually_found(found: Any, expected: set[str]) -> None:
    async def there() -> bool:
        return set(await found()) == expected

    await eventually(there)
