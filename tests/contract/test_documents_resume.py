"""Documents through a lost link and a lost log: updates come once more with the resume, and nobody's edit is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from pycrdt import XmlElement, XmlFragment, XmlText

from archive.yjs import decode_vector
from streams.keys import Keys
from tests.contract.test_chats import calling, two
from tests.contract.test_notes import made
from tests.support.editors import Editor, Page, editing
from tests.support.nodes import Fleet, eventually, token
from tests.support.valkey import ValkeyServer


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_updates_that_a_page_missed_come_with_the_resume_live_and_replayed(fleet: Fleet, transport: str) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with (
            editing(Editor, note_id, one.url) as writer,
            editing(Page, note_id, other.url, transport=transport) as page,
        ):
            for each in (writer, page):
                await each.join()
            await writer.type("live ")
            await eventually(lambda: page.text == "live ")
            await page.drop()
            for number in range(100):
                await asyncio.sleep(0.02 if number > 90 else 0)  # below the rate of one socket
                assert set(await writer.type(f"{number} ")) == {"position"}
            await page.open(one.url, token(), transports=[transport])
            assert page.recovered
            await eventually(lambda: page.text == writer.text)
            await writer.type("live again")
            await eventually(lambda: page.text == writer.text)
            got = page.of("ydoc:document:update")
            assert len(got) == 3, "those that were missed come as one"
            places = [arguments[-1] for event, arguments in page.got if event == "ydoc:document:update"]
            listed = (await api.client.get(f"/api/v1/rooms/doc_note:{note_id}/events?limit=500")).json()["events"]
            assert places == [listed[at]["position"] for at in (0, -2, -1)]
            assert page.connected


async def test_who_speaks_version_2_gets_what_it_missed_by_its_join_in_one_update_not_by_the_resume(
    fleet: Fleet,
) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, one.url) as writer, editing(Editor, note_id, other.url) as away:
            await writer.join()
            ack = await away.join()
            await writer.type("live ")
            await eventually(lambda: away.text == "live ")
            await away.drop()
            for number in range(50):
                assert set(await writer.type(f"{number} ")) == {"position"}
            await away.open(one.url, token(), transports=["websocket"])
            assert away.recovered
            ack = await away.join(since=ack["position"], epoch="1", state_vector=away.doc.get_state())
            assert ack["mode"] == "tail"
            assert away.text == writer.text, "by what the join was answered"
            assert len(away.of("ydoc:document:update")) == 1
            await writer.type("live again")
            await eventually(lambda: away.text == writer.text)


async def test_a_page_that_was_away_too_long_for_its_session_brings_what_it_typed(fleet: Fleet) -> None:
    """Pages that join a large document are not asked for all of it, but one that comes back is."""
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Page, note_id, other.url) as tab:
            for each in (page, tab):
                await each.join()
            await page.type("x" * 300_000)
            await page.drop()
            page.typed("OFFLINE")
            page.pid = "a session that is gone"
            await page.open(other.url, token(), transports=["websocket"])
            assert not page.recovered
            await page.join()
            await eventually(lambda: tab.text.endswith("OFFLINE"))


async def test_a_session_that_resumed_has_to_join_before_it_writes(fleet: Fleet) -> None:
    """What history it has is not known: it might have another one."""
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Editor, note_id, one.url) as tab:
            for each in (page, tab):
                await each.join()
            await page.drop()
            await page.open(other.url, token(), transports=["websocket"])
            assert page.recovered
            assert (await page.type("early"))["error"] == "not_joined"
            await page.join()
            await page.type(" and late")
            await eventually(lambda: tab.text == page.text == "early and late")


async def test_after_the_log_was_emptied_all_editors_agree_again(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    """Nothing was folded: what the document was is on the pages alone."""
    async with two(own_fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        own_fleet.worker()

        async def stored() -> bool:
            return bool((await one.node.archive.notes.notes([note_id]))[note_id].exists)

        await eventually(stored, 30)
        async with (
            editing(Page, note_id, one.url) as page,
            editing(Page, note_id, other.url) as tab,
            editing(Editor, note_id, other.url) as editor,
        ):
            for each in (page, tab, editor):
                await each.join()
            for each in (page, tab, editor):
                await each.type("before ")
            await eventually(lambda: page.text == tab.text == editor.text == "before before before ")
            with own_valkey.client() as redis:
                redis.flushall()
            await eventually(lambda: all(each.of("room:reset") for each in (page, tab, editor)), 30)
            ack = await editor.join(epoch="1", state_vector=editor.doc.get_state())
            assert ack["mode"] in ("full", "diff")
            missing = editor.doc.get_update(ack["state_vector"])
            await editor.call("ydoc:document:update", editor.said(update=missing))
            await eventually(lambda: len(page.of("ydoc:document:state")) > 1 and len(tab.of("ydoc:document:state")) > 1)
            for each in (page, tab, editor):
                await each.type("after ")
            await eventually(lambda: page.text == tab.text == editor.text and editor.text.count("after") == 3, 30)
            assert editor.text.count("before") == 3
            with own_valkey.client() as redis:
                clocks = redis.hgetall(Keys(own_fleet.key_prefix).document(f"doc_note:{note_id}"))
            known = {int(name[1:]): int(clock) for name, clock in clocks.items() if name[1:].isdigit()}
            assert known == decode_vector(editor.doc.get_state()).clocks


async def test_a_page_that_joins_while_postgresql_is_away_is_let_in_when_it_is_back(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, one.url) as editor, editing(Page, note_id, other.url) as page:
            await editor.join()
            await editor.type("Hello")
            with psycopg.connect(fleet.database_url, autocommit=True) as sql:
                sql.execute("ALTER TABLE notes RENAME TO notes_away")
                try:
                    assert (await page.join())["error"] == "busy"
                    async with editing(Editor, note_id, other.url) as late:
                        assert (await late.join())["error"] == "busy"
                    assert set(await editor.type(" world")) == {"position"}, "who is in goes on"
                finally:
                    sql.execute("ALTER TABLE notes_away RENAME TO notes")
            await eventually(lambda: page.text == "Hello world")


async def test_what_readers_get_is_the_same_before_and_after_the_fold(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(other.url, "alice") as (api,):
        rendered, derived = (await made(api))["id"], (await made(api, data={"content": {"md": "made"}}))["id"]

        async def content(note_id: str) -> Any:
            return (await api.client.get(f"/api/v1/notes/{note_id}")).json()["data"]["content"]

        async def stored(note_id: str) -> bool:
            room = f"doc_note:{note_id}"
            found = await one.node.archive.documents.stored(f"note:{note_id}")
            waiting = await one.node.document_log.content_of(room)
            return found is not None and found.position >= await one.node.reader.head(room) and waiting is None

        async with editing(Page, rendered, one.url) as page, editing(Editor, derived, one.url) as editor:
            for each in (page, editor):
                await each.join()
            await page.type("Hello", data={"content": {"md": "**Hello**"}})
            paragraph = XmlElement("paragraph")
            editor.doc["prosemirror"] = fragment = XmlFragment()
            fragment.children.append(paragraph)
            paragraph.children.append(XmlText("typed"))
            await editor.call("ydoc:document:update", editor.said(update=editor.doc.get_update()))
            assert await content(rendered) == {"md": "**Hello**"}
            assert await content(derived) == {"md": "made"}
            fleet.worker()
            for note_id in (rendered, derived):
                await eventually(lambda note_id=note_id: stored(note_id), 60)
            assert await content(rendered) == {"md": "**Hello**"}
            assert (await content(derived))["md"].strip() == "typed"
            async with editing(Page, rendered, other.url) as late, editing(Editor, derived, other.url) as after:
                await late.join()
                await after.join()
                await eventually(lambda: late.text == "Hello")
                assert str(after.doc.get("prosemirror", type=XmlFragment)) == "<paragraph>typed</paragraph>"
                await late.type(" again")
                await eventually(lambda: page.text == "Hello again")


async def test_readers_of_a_note_whose_text_was_deleted_are_not_shown_the_old_one(fleet: Fleet) -> None:
    fleet.worker()
    async with two(fleet) as (one, other), calling(other.url, "alice") as (api,):
        note_id = (await made(api, data={"content": {"md": "made"}}))["id"]

        async def shows(words: str) -> bool:
            note = (await api.client.get(f"/api/v1/notes/{note_id}")).json()
            return bool(note["data"]["content"] == {"md": words})

        async with editing(Editor, note_id, one.url) as editor:
            await editor.join()
            assert await shows("made")
            body = editor.doc.get("prosemirror", type=XmlFragment)
            body.children.append(XmlElement("paragraph", {}, [XmlText("Hello")]))
            await editor.call("ydoc:document:update", editor.said(update=editor.doc.get_update()))
            await eventually(lambda: shows("Hello\n"), 30)
            before = editor.doc.get_state()
            del body.children[0]
            await editor.call("ydoc:document:update", editor.said(update=editor.doc.get_update(before)))
            await eventually(lambda: shows(""), 30)
