"""Chats as a whole: lists, what pages post, sharing, reading, deletion; clients on the other node than producers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.emitter import Target
from tests.contract.clients import Listener, listening
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token


@asynccontextmanager
async def two(fleet: Fleet) -> AsyncIterator[tuple[LocalNode, LocalNode]]:
    """Two nodes."""
    async with fleet.inside() as one, fleet.inside() as other:
        yield one, other


@asynccontextmanager
async def calling(url: str, *user_ids: str, **claims: Any) -> AsyncIterator[list[Api]]:
    """HTTP clients of users."""
    apis = [Api(url, user_id, **claims) for user_id in user_ids]
    yield apis
    for api in apis:
        await api.aclose()


async def share(api: Api, chat: str, **permissions: str) -> None:
    """Give access to a chat; to nobody else."""
    grants = [{"user_id": user_id, "permission": word} for user_id, word in permissions.items()]
    answer = await api.client.post(f"/api/v1/chats/{chat}/access", json={"grants": grants})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"grants": sorted(grants, key=lambda grant: grant["user_id"])}


async def join(listener: Listener, chat: str) -> Any:
    return await listener.call("events:chat", {"chat_id": chat, "data": {"type": "join"}})


def kinds(listener: Listener) -> list[str]:
    """Types of the `events` that a listener got, in order."""
    return [body["data"]["type"] for body in listener.of("events")]


async def folded(fleet: Fleet, node: LocalNode, room: str) -> None:
    """Wait until a worker has folded all of a room."""
    fleet.worker()
    head = await node.node.reader.head(room)

    async def stored() -> bool:
        return (await node.node.archive.stored([room]))[room] >= head

    await eventually(stored, 30)


async def test_the_list_is_newest_first_and_the_same_before_and_after_the_fold(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice", "bob") as (api, bob):
        chats = [await api.new_chat(f"chat {number}") for number in range(5)]
        await bob.new_chat("not yours")
        newest = (await api.chat(chats[-1]))["updated_at"]
        await eventually(lambda: time.time() >= newest + 1)  # updated_at is in whole seconds
        await api.emit(chats[1], "chat:title", "renamed")
        await api.emit(chats[1], "message", {"content": "hi"})
        async with calling(other.url, "alice") as (reader,):
            before = (await reader.client.get("/api/v1/chats/?page=1")).json()
            assert before[0] | {"updated_at": 0, "created_at": 0} == {
                "id": chats[1],
                "title": "renamed",
                "updated_at": 0,
                "created_at": 0,
                "last_read_at": 0,
                "unread_count": 1,
            }
            assert {line["id"] for line in before} == set(chats)
            await folded(fleet, one, "user:alice")
            assert (await reader.client.get("/api/v1/chats/")).json() == before
            pages = [(await reader.client.get(f"/api/v1/chats/?limit=2&page={n}")).json() for n in (1, 2, 3, 4)]
            assert [line for page in pages for line in page] == before
            late = await api.new_chat("sixth")
            pages = [(await reader.client.get(f"/api/v1/chats/?limit=2&page={n}")).json() for n in (1, 2, 3, 4)]
            assert sorted(line["id"] for page in pages for line in page) == sorted([*chats, late])


async def test_a_page_that_missed_things_posts_its_history_and_loses_nothing(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        chat = await api.new_chat()
        history = {"messages": {"q": {"id": "q", "role": "user", "content": "Hi", "childrenIds": ["m1"]}}}
        posted = await api.client.post(f"/api/v1/chats/{chat}", json={"chat": {"title": "Fish", "history": history}})
        assert (posted.json()["title"], list(posted.json()["chat"]["history"]["messages"])) == ("Fish", ["q"])
        await api.emit(chat, "message", {"content": "Hello world"})
        await api.emit(chat, "status", {"description": "searched"})
        await api.emit(chat, "chat:completion", {"done": True})
        stale = history["messages"] | {
            "m1": {
                "id": "m1",
                "parentId": "q",
                "role": "assistant",
                "content": "Hello",
                "statusHistory": [],
                "done": True,
            }
        }
        body = {"chat": {"title": "Fish", "history": {"messages": stale, "currentId": "m1"}, "models": ["x"]}}
        async with calling(other.url, "alice") as (page,):
            answer = await page.client.post(f"/api/v1/chats/{chat}", json=body)
            message = answer.json()["chat"]["history"]["messages"]["m1"]
            assert (message["content"], message["statusHistory"]) == ("Hello world", [{"description": "searched"}])
            assert (message["parentId"], message["done"]) == ("q", True)
            before = await page.chat(chat)
            await folded(fleet, one, "user:alice")
            assert await page.chat(chat) | {"position": ""} == before | {"position": ""}
            wrong = {"chat": {"history": {"messages": {"n": {"content": 7}}}}}
            assert (await page.client.post(f"/api/v1/chats/{chat}", json=wrong)).status_code == 400


async def test_a_new_turn_reaches_the_other_tabs_and_the_viewers(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        chat = await api.new_chat()
        await share(api, chat, bob="read")
        async with listening(other.url, "alice") as tab, listening(other.url, "bob") as bob:
            assert await join(bob, chat)
            turn = {"messages": {"q": {"role": "user", "content": "Hi"}}, "currentId": "q"}
            await api.client.post(f"/api/v1/chats/{chat}", json={"chat": {"history": turn}})
            await eventually(lambda: "chat:messages" in kinds(tab) and "chat:messages" in kinds(bob))
            assert [b["data"]["data"] for b in bob.of("events") if b["data"]["type"] == "chat:messages"] == [turn]


async def test_a_viewer_reads_and_a_writer_writes_and_the_viewer_gets_the_shared_copy_through_a_cut(
    fleet: Fleet,
) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice", "bob", "carol") as (alice, bob, carol):
        chat = await alice.new_chat()
        async with listening(other.url, "bob") as viewer:
            assert not await join(viewer, chat)
            await share(alice, chat, bob="read", carol="write")
            await eventually(lambda: kinds(viewer) == ["chat:access"])
            assert await join(viewer, chat)
            assert (await bob.chat(chat))["user_id"] == "alice"

            def written() -> list[str]:
                shown = [body["data"] for body in viewer.of("events")]
                return [data["data"]["content"] for data in shown if data["type"] == "chat:message"]

            path = f"/api/v1/chats/{chat}/messages/m1"
            assert (await bob.client.post(path, json={"content": "no"})).status_code == 404
            assert (await carol.client.post(path, json={"content": "one"})).status_code == 200
            await eventually(lambda: written() == ["one"])
            await viewer.drop()
            assert (await carol.client.post(path, json={"content": "two"})).status_code == 200
            await viewer.open(one.url, token("bob"), transports=["websocket"])
            assert viewer.recovered
            await eventually(lambda: written() == ["one", "two"])
            assert viewer.of("events")[-1] == {
                "chat_id": chat,
                "message_id": "m1",
                "data": {"type": "chat:message", "data": {"content": "two"}},
                "user_id": "alice",
                "shared": True,
            }
            before = await bob.chat(chat)
            await folded(fleet, one, "user:alice")
            assert await bob.chat(chat) | {"position": ""} == before | {"position": ""}
            assert (await bob.client.get(f"/api/v1/chats/{chat}/access")).status_code == 404


async def test_access_that_is_taken_away_ends_live_replayed_and_read_on_every_node(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice", "bob") as (alice, bob):
        chat = await alice.new_chat()
        await share(alice, chat, bob="read", carol="read")
        async with (
            listening(other.url, "bob") as there,
            listening(one.url, "bob") as away,
            listening(other.url, "carol") as carol,
        ):
            for viewer in (there, away, carol):
                assert await join(viewer, chat)
            await alice.emit(chat, "message", {"content": "before"})
            await eventually(lambda: [v.contents for v in (there, away, carol)] == [["before"]] * 3)
            await away.drop()
            async with bob.client.stream("GET", f"/api/v1/rooms/chat:{chat}/events/stream") as stream:
                assert stream.status_code == 200
                lines = stream.aiter_lines()
                assert await anext(lines) == ": following"
                await share(alice, chat, carol="read")
                for node in (one, other):
                    members = [s.user_id for s in node.node.sessions.by_sid.values() if f"chat:{chat}" in s.feed.rooms]
                    assert "bob" not in members, "when it answers, nobody who lost access is in the room"
                await alice.emit(chat, "message", {"content": "secret"})
                assert "secret" not in "".join([line async for line in lines]), "the stream ends"
            await eventually(lambda: carol.contents == ["before", "secret"])
            await away.open(other.url, token("bob"), transports=["websocket"])
            await alice.emit(chat, "message", {"content": "more"})
            await eventually(lambda: carol.contents == ["before", "secret", "more"])
            await eventually(lambda: kinds(there)[-1] == kinds(away)[-1] == "chat:access")
            for viewer in (there, away):
                assert viewer.contents == ["before"]
                assert not await join(viewer, chat)
            assert (await bob.client.get(f"/api/v1/chats/{chat}")).status_code == 404
            assert (await bob.client.get(f"/api/v1/rooms/chat:{chat}/events")).status_code == 404


async def test_last_read_at_counts_what_is_unread_and_hints_the_users_sessions_through_a_cut(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        chat = await api.new_chat()
        then = int(time.time()) - 100
        turn = {"a": {"role": "assistant", "timestamp": then}, "q": {"role": "user", "timestamp": then}}
        await api.emit(chat, "chat:messages", {"messages": turn})

        async def line() -> Any:
            return (await api.client.get("/api/v1/chats/")).json()[0]

        assert ((await line())["unread_count"], (await line())["last_read_at"]) == (1, 0)
        async with listening(other.url, "alice") as tab, listening(one.url, "alice") as reader:
            await tab.drop()
            assert await reader.call("events:chat", {"chat_id": chat, "data": {"type": "last_read_at"}})
            read = await line()
            assert read["unread_count"] == 0
            assert abs(read["last_read_at"] - time.time()) < 5
            await tab.open(one.url, token("alice"), transports=["websocket"])
            assert tab.recovered
            hint = {"chat_id": chat, "last_read_at": read["last_read_at"]}
            await eventually(lambda: [b["data"] for b in tab.of("events")] == [{"type": "chat:list", "data": hint}])
        later = {"b": {"role": "assistant", "timestamp": read["last_read_at"] + 1}}
        await api.emit(chat, "chat:messages", {"messages": later})
        before = await line()
        assert before["unread_count"] == 1
        await folded(fleet, one, "user:alice")
        assert await line() == before


async def test_a_deleted_chat_is_gone_everywhere_and_nothing_brings_it_back(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (alice,):
        chat, kept = await alice.new_chat(), await alice.new_chat()
        await alice.emit(chat, "message", {"content": "old"})
        await share(alice, chat, bob="write")
        async with listening(other.url, "bob") as viewer, listening(other.url, "alice") as tab:
            assert await join(viewer, chat)
            assert (await alice.client.delete(f"/api/v1/chats/{chat}")).json() == {"status": True}
            assert not [s for s in other.node.sessions.by_sid.values() if f"chat:{chat}" in s.feed.rooms]
            await eventually(lambda: kinds(tab) == ["chat:list"])
            assert not await join(viewer, chat)
        await one.node.emitter.emit(
            Target("alice", chat, "m1"), "message", {"content": "late"}
        )  # a producer that did not hear of it

        async def gone() -> None:
            for node in (one, other):
                async with calling(node.url, "alice", "bob") as apis:
                    for api in apis:
                        assert (await api.client.get(f"/api/v1/chats/{chat}")).status_code == 404
                        body = {"type": "message", "data": {"content": "late"}}
                        answer = await api.client.post(f"/api/v1/chats/{chat}/messages/m1/event", json=body)
                        assert answer.status_code == 404
                    assert [line["id"] for line in (await apis[0].client.get("/api/v1/chats/")).json()] == [kept]

        await gone()
        await folded(fleet, one, "user:alice")
        await gone()
        stored = await one.node.archive.chat(chat)
        assert stored is not None
        assert (stored.deleted, stored.title, stored.messages) == (True, "", {})


async def test_chats_shared_with_a_user_are_listed_with_what_is_unread_before_and_after_the_fold(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, other),
        calling(one.url, "alice", "carol") as (alice, carol),
        calling(other.url, "bob") as (bob,),
        listening(other.url, "bob") as page,
    ):
        shared, written, hidden = [await alice.new_chat(f"chat {number}") for number in range(3)]
        lent, _own = await carol.new_chat("lent"), await bob.new_chat("mine")
        await share(alice, shared, bob="read", carol="read")
        await share(alice, written, bob="write")
        await share(alice, hidden, bob="read")
        await share(alice, hidden)
        await share(carol, lent, bob="read")
        turn = {"a": {"role": "assistant", "timestamp": int(time.time()) - 60}}
        await alice.emit(shared, "chat:messages", {"messages": turn})

        async def lines() -> dict[str, Any]:
            found = (await bob.client.get("/api/v1/chats/shared-with-me")).json()
            assert found == sorted(found, key=lambda line: (-line["updated_at"], line["id"]))
            paged = [(await bob.client.get(f"/api/v1/chats/shared-with-me?limit=1&page={n}")).json() for n in (1, 2, 3)]
            assert [line for page in paged for line in page] == found
            return {line["title"]: line for line in found}

        before = await lines()
        assert {title: (line["user_id"], line["permission"]) for title, line in before.items()} == {
            "chat 0": ("alice", "read"),
            "chat 1": ("alice", "write"),
            "lent": ("carol", "read"),
        }
        assert [before[title]["unread_count"] for title in ("chat 0", "chat 1")] == [1, 0]
        for room in ("user:bob", "user:alice", "user:carol"):
            await folded(fleet, one, room)
            assert await lines() == before
        assert await page.call("events:chat", {"chat_id": shared, "data": {"type": "last_read_at"}})
        assert (await lines())["chat 0"]["unread_count"] == 0
        await alice.client.delete(f"/api/v1/chats/{written}")
        await share(carol, lent)
        assert set(await lines()) == {"chat 0"}
        assert {line["title"] for line in (await bob.client.get("/api/v1/chats/")).json()} == {"mine"}


STRANGERS = (
    ("GET", "", None),
    ("POST", "", {"chat": {"title": "mine now"}}),
    ("DELETE", "", None),
    ("GET", "/access", None),
    ("POST", "/access", {"grants": [{"user_id": "mallory", "permission": "write"}]}),
    ("POST", "/messages/m1/event", {"type": "chat:grants", "data": {}}),
    ("POST", "/messages/m1", {"content": "x"}),
)


async def test_a_stranger_is_answered_as_for_a_chat_that_is_not_there(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (alice,):
        chat = await alice.new_chat("The secret title")
        await share(alice, chat, bob="read")
        await share(alice, chat)  # bob's access was taken away
        async with calling(other.url, "mallory", "bob") as apis, listening(other.url, "mallory") as socket:
            for api in apis:
                for method, path, body in STRANGERS:
                    answers = [
                        await api.client.request(method, f"/api/v1/chats/{name}{path}", json=body)
                        for name in (chat, "unknown")
                    ]
                    assert [answer.status_code for answer in answers] == [404, 404], path
                    assert answers[0].text.replace(chat, "unknown") == answers[1].text
                assert (await api.client.get("/api/v1/chats/")).json() == []
            for kind in ("join", "last_read_at", "typing"):
                data = {"type": kind, "data": {"typing": True}}
                for name in (chat, "unknown"):
                    assert await socket.call("events:chat", {"chat_id": name, "data": data}) is False
            errors = [body["message"].replace(chat, "unknown") for body in socket.of("error")]
            assert len(errors) == 6
            assert len(set(errors)) == 1
            assert kinds(socket) == []
        assert (await alice.chat(chat))["title"] == "The secret title"


EMITTED: tuple[tuple[str, object], ...] = (
    ("execute", {"code": "steal(localStorage.token)"}),
    ("confirmation", {"title": "Delete it all?"}),
    ("notification", {"type": "error", "content": "call this number"}),
    ("chat:access", {}),
    ("message", {"content": "x"}),
)


async def test_only_the_owner_admins_and_services_put_events_on_the_owners_page(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice", "mallory", "bob") as (alice, *others):
        chat = await alice.new_chat()
        await share(alice, chat, mallory="write", bob="read")
        async with (
            listening(other.url, "alice") as page,
            calling(one.url, "root", role="admin") as (root,),
            calling(one.url, "pipeline", role="service") as (service,),
        ):
            path = f"/api/v1/chats/{chat}/messages/m1/event"
            for kind, data in EMITTED:
                for api in others:
                    answer = await api.client.post(path, json={"type": kind, "data": data})
                    assert answer.status_code == 404, kind
            for api in (alice, root, service):
                await api.emit(chat, "message", {"content": "hello"})
            await eventually(lambda: page.contents == ["hello"] * 3)
            assert kinds(page) == ["message"] * 3


async def test_nobody_gets_access_by_an_event_of_a_producer(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, _other),
        calling(one.url, "alice", "mallory") as (alice, mallory),
        calling(one.url, "pipeline", role="service") as (service,),
    ):
        chat = await alice.new_chat()
        forged = {"room": f"chat:{chat}", "grants": {"mallory": "write"}}
        await service.emit(chat, "chat:grants", forged)
        await service.emit(chat, "chat:access", forged)
        await service.emit(chat, "chat:delete", {"chat_id": chat})
        assert (await mallory.client.get(f"/api/v1/chats/{chat}")).status_code == 404
        assert (await alice.chat(chat))["id"] == chat
