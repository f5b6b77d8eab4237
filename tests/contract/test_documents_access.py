"""Documents from the other side: strangers, readers who write, access that is taken away; on two nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from archive.notes import NOTE_ROOM
from streams.append import Appender, NewEntry
from tests.contract.test_chats import calling, two
from tests.contract.test_notes import made, share
from tests.support.editors import Editor, Page, editing
from tests.support.nodes import Fleet, LocalNode, eventually, token


def members(node: LocalNode, room: str) -> set[str]:
    return {session.user_id for session in node.node.sessions.by_sid.values() if room in session.feed.rooms}


async def log_of(node: LocalNode, note_id: str) -> int:
    return await node.node.reader.length(f"doc_note:{note_id}")


@pytest.mark.parametrize("kind", [Page, Editor])
async def test_a_stranger_is_answered_as_for_a_document_that_is_not_there(fleet: Fleet, kind: type[Page]) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        answers = []
        async with editing(Page, note_id, one.url) as alice:
            await alice.join()
            await alice.type("secret")
            for name in (note_id, "unknown"):
                async with editing(kind, name, other.url, "mallory") as mallory:
                    said = [
                        await Page.join(mallory, **({"v": 2} if kind is Editor else {})),
                        await mallory.call("ydoc:document:state", mallory.said()),
                        await mallory.type("mine now"),
                        await mallory.call("ydoc:awareness:update", mallory.said(update=[1])),
                        await mallory.call("ydoc:document:update", mallory.said(data={"content": {"md": "mine"}})),
                    ]
                    await mallory.call("ydoc:document:leave", mallory.said())
                    told = len(said) if kind is Page else len(said) - 1  # a join of the second version says it itself
                    await eventually(lambda mallory=mallory, told=told: len(mallory.of("error")) == told)
                    errors = [error["message"] for error in mallory.of("error")]
                    answers.append(str([said, errors]).replace(name, "…"))
                    assert {answer["error"] for answer in said} == {"denied", "not_joined"}
                    assert {event for event, _ in mallory.got} <= {"error"}
            assert answers[0] == answers[1]
            assert await log_of(one, note_id) == 1
            assert (await api.client.get(f"/api/v1/notes/{note_id}")).json()["data"] is None
            assert alice.of("ydoc:user:joined") == alice.of("ydoc:awareness:update") == []
        async with calling(other.url, "mallory") as (stranger,):
            assert (await stranger.client.get(f"/api/v1/rooms/doc_note:{note_id}/events")).status_code == 404


async def test_a_reader_is_in_sync_and_seen_and_changes_nothing(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="read")
        async with (
            editing(Page, note_id, one.url) as alice,
            editing(Page, note_id, other.url, "bob") as page,
            editing(Editor, note_id, other.url, "bob") as editor,
        ):
            await alice.join()
            await alice.type("Hello")
            await page.join()
            assert (await editor.join())["write"] is False
            await eventually(lambda: page.text == editor.text == "Hello")
            for reader in (page, editor):
                for refused in (
                    await reader.type(" no"),
                    await reader.type(" no", initialize=True),
                    await reader.call("ydoc:document:update", reader.said(data={"content": {"md": "no"}})),
                ):
                    assert (refused["error"], refused["message"]) == (
                        "readonly",
                        f"note:{note_id} is for you to read, not to write",
                    )
                await reader.call("ydoc:awareness:update", reader.said(update=[1]))
            await eventually(lambda: len(alice.of("ydoc:awareness:update")) == 2)
            assert len(page.of("error")) == 3
            assert editor.of("error") == []
            assert alice.text == "Hello"
            assert await log_of(one, note_id) == 1


async def test_a_downgraded_writer_is_refused_from_then_on_and_stays_in_sync(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="write")
        async with editing(Editor, note_id, one.url) as alice, editing(Editor, note_id, other.url, "bob") as bob:
            await alice.join()
            assert (await bob.join())["write"] is True
            assert set(await bob.type("one ")) == {"position"}
            await share(api, note_id, bob="read")
            assert (await bob.type("no "))["error"] == "readonly"
            denied = await bob.call("ydoc:document:update", bob.said(data={"content": {"md": "no"}}))
            assert denied["error"] == "readonly"
            await share(api, note_id, bob="write")
            bob.body.clear()
            update = bob.doc.get_update()
            assert set(await bob.call("ydoc:document:update", bob.said(update=update))) == {"position"}
            await eventually(lambda: alice.text == "")


async def test_an_update_that_was_checked_before_the_access_went_is_not_appended_after_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The update hangs between its check and its append, as on a node that was suspended there."""
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="write")
        async with editing(Editor, note_id, other.url, "bob") as bob:
            await bob.join()
            checked, go_on = asyncio.Event(), asyncio.Event()
            append = Appender.append

            async def hanging(appender: Appender, entry: NewEntry) -> Any:
                if entry.change is not None and not go_on.is_set():
                    checked.set()
                    await go_on.wait()
                return await append(appender, entry)

            monkeypatch.setattr(Appender, "append", hanging)
            sending = asyncio.create_task(bob.type("too late"))
            await checked.wait()
            await share(api, note_id, bob="read")
            go_on.set()
            assert (await sending)["error"] == "readonly"
            assert await log_of(one, note_id) == 0


@pytest.mark.parametrize("kind", [Page, Editor])
async def test_a_removed_users_sessions_are_out_on_every_node_before_the_call_returns(
    fleet: Fleet, kind: type[Page]
) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        room = f"doc_note:{note_id}"
        await share(api, note_id, bob="write", carol="write")
        async with (
            editing(Page, note_id, one.url, "carol") as carol,
            editing(kind, note_id, one.url, "bob") as near,
            editing(kind, note_id, other.url, "bob") as far,
            editing(kind, note_id, other.url, "bob") as away,
        ):
            for page in (carol, near, far, away):
                await page.join()
            await away.drop()
            await share(api, note_id, carol="write")
            assert (members(one, room), members(other, room)) == ({"carol"}, set())
            await carol.type("secret")
            await carol.call("ydoc:awareness:update", carol.said(update=[1]))
            await away.open(one.url, token("bob"), transports=["websocket"])
            for page in (near, far, away):
                assert (await page.type("no"))["error"] == "not_joined"
                assert (await page.call("ydoc:awareness:update", page.said(update=[1])))["error"] == "not_joined"
                again = await Page.join(page, **({"v": 2} if kind is Editor else {}))
                assert again["error"] == "denied"
            await one.node.producer.emit_to_users("end", {}, ["bob"])
            for page in (near, far, away):
                await eventually(lambda page=page: page.of("end"))
                assert page.of("ydoc:document:update") == page.of("ydoc:awareness:update") == []
            closed = [{"document_id": f"note:{note_id}", "reason": "denied"}]
            assert near.of("ydoc:document:closed") == far.of("ydoc:document:closed") == closed
            await eventually(lambda: len(carol.of("ydoc:user:left")) == 3)


async def test_nobody_edits_as_another_user_or_through_another_users_session(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="write")
        async with editing(Page, note_id, one.url) as alice, editing(Page, note_id, other.url, "bob") as bob:
            await alice.join()
            await bob.call("ydoc:document:join", bob.said() | {"user_id": "alice", "socket_id": alice.get_sid()})
            mine = {"user_id": "alice", "socket_id": alice.get_sid()}
            update = list(bob.typed("Hello"))
            await bob.call("ydoc:document:update", bob.said(update=update) | mine)
            await bob.call("ydoc:awareness:update", bob.said(update=[1]) | mine)
            await eventually(lambda: alice.of("ydoc:awareness:update") and alice.of("ydoc:document:update"))
            for event in ("ydoc:user:joined", "ydoc:document:update", "ydoc:awareness:update"):
                (said,) = alice.of(event)
                assert (said["user_id"], said["socket_id"]) == ("bob", bob.get_sid()), event
        async with editing(Page, note_id, one.url) as alice, editing(Page, note_id, other.url, "mallory") as mallory:
            await alice.join()
            mallory.pid = alice.pid
            await mallory.drop()
            await mallory.open(other.url, token("mallory"), transports=["websocket"])
            assert not mallory.recovered
            assert (await mallory.type("no"))["error"] == "not_joined"


async def test_a_deleted_notes_document_is_closed_and_takes_nothing_more(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        room = f"doc_note:{note_id}"
        await share(api, note_id, bob="write")
        async with editing(Page, note_id, one.url) as page, editing(Editor, note_id, other.url, "bob") as editor:
            for each in (page, editor):
                await each.join()
            await page.type("Hello")
            await eventually(lambda: editor.text == "Hello")
            assert (await api.client.delete(f"/api/v1/notes/{note_id}/delete")).status_code == 200
            assert members(one, room) == members(other, room) == set()
            for each in (page, editor):
                assert (await each.type("no"))["error"] == "not_joined"
                assert (await Page.join(each, **({"v": 2} if each is editor else {})))["error"] == "denied"
                assert each.of("ydoc:document:closed") == [{"document_id": f"note:{note_id}", "reason": "deleted"}]
            assert await log_of(one, note_id) == 1
            async with editing(Page, note_id, one.url, "root", role="admin") as admin:
                assert (await admin.join())["error"] == "denied"


async def test_other_changes_of_the_note_cost_a_writer_nothing(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, other.url) as editor:
            await editor.join()
            for number in range(3):
                await api.client.post(f"/api/v1/notes/{note_id}/update", json={"title": str(number)})
                assert set(await editor.type(str(number))) == {"position"}
            assert await one.node.reader.length(NOTE_ROOM + note_id) > 3
            assert await log_of(one, note_id) == 3


async def test_an_admin_who_is_one_no_longer_has_what_was_granted(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, other),
        calling(one.url, "alice") as (api,),
        calling(one.url, "boss", role="admin") as (boss,),
    ):
        shared, private = (await made(api))["id"], (await made(api))["id"]
        await share(api, shared, root="read")
        async with (
            editing(Editor, shared, other.url, "root", role="admin") as reader,
            editing(Editor, private, other.url, "root", role="admin") as stranger,
        ):
            for each in (reader, stranger):
                assert (await each.join())["write"] is True
                assert set(await each.type("as an admin")) == {"position"}
            assert (await boss.client.get("/api/v1/users/")).status_code == 200
            answer = await boss.client.post("/api/v1/users/root/update", json={"role": "user"})
            assert answer.status_code == 200, answer.text
            assert (await reader.type("no"))["error"] == "readonly"
            assert (await stranger.type("no"))["error"] == "not_joined"
