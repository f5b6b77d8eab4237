"""Documents over the socket, as pages of Open WebUI use them; editors on different nodes."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from pycrdt import Doc, Text

from tests.contract.clients import Listener
from tests.contract.test_chats import calling, two
from tests.contract.test_notes import made, share
from tests.support.editors import NOTHING, Editor, Page, editing
from tests.support.nodes import Fleet, eventually, token


def written(words: str) -> bytes:
    """The update of a document that somebody else began."""
    doc: Doc[Any] = Doc()
    doc["text"] = text = Text()
    text += words
    return doc.get_update()


async def test_a_page_gets_the_state_and_the_others_are_told_who_joined_and_left(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="write")
        async with editing(Page, note_id, one.url) as alice, editing(Page, note_id, other.url, "bob") as bob:
            assert await alice.join() is None
            await eventually(lambda: alice.of("ydoc:document:state"))
            sessions = [alice.get_sid()]
            assert alice.of("ydoc:document:state") == [
                {"document_id": alice.document_id, "state": NOTHING, "sessions": sessions}
            ]
            await alice.type("Hello")
            await bob.join()
            await eventually(lambda: bob.text == "Hello")
            first, probe = bob.of("ydoc:document:state")[0], {"state": NOTHING, "sessions": ["", ""]}
            assert first["sessions"] == sorted([*sessions, bob.get_sid()])
            await eventually(lambda: bob.of("ydoc:document:state")[1:] == [{"document_id": bob.document_id} | probe])
            joined = {"document_id": alice.document_id, "user_id": "bob", "socket_id": bob.get_sid()}
            shown = {"user_name": "Some Body", "user_color": "#123456"}
            await eventually(lambda: alice.of("ydoc:user:joined") == [joined | shown])
            await bob.call("ydoc:document:leave", bob.said())
            await eventually(lambda: alice.of("ydoc:user:left") == [joined])
            assert bob.of("ydoc:user:left") == bob.of("ydoc:user:joined") == []
            await alice.type(" world")
            await bob.call("ydoc:document:state", bob.said())
            await eventually(lambda: bob.of("error"))
            assert bob.text == "Hello", "who left gets nothing more"


async def test_the_state_is_sent_again_to_the_asker_alone(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Page, note_id, other.url) as tab:
            for each in (page, tab):
                await each.join()
            await page.type("Hello")
            await eventually(lambda: tab.text == "Hello")
            tab.got.clear()
            page.got.clear()
            await tab.call("ydoc:document:state", {"document_id": f"note_{note_id}"})
            await eventually(lambda: tab.of("ydoc:document:state"))
            (said,) = tab.of("ydoc:document:state")
            fresh: Doc[Any] = Doc()
            fresh.apply_update(said["state"])
            assert (said["document_id"], str(fresh.get("text", type=Text))) == (f"note:{note_id}", "Hello")
            assert page.of("ydoc:document:state") == []


@pytest.mark.parametrize("blob", [list, bytes, lambda update: base64.b64encode(update).decode()])
async def test_an_update_is_acknowledged_by_its_place_and_reaches_the_others_once_in_binary(
    fleet: Fleet, blob: Any
) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Page, note_id, other.url) as tab:
            page.blob = blob
            for each in (page, tab):
                await each.join()
            ack = await page.type("Hello")
            update = page.doc.get_update()
            await eventually(lambda: tab.text == "Hello")
            ((said, position),) = [args for event, args in tab.got if event == "ydoc:document:update"]
            sent = {"document_id": page.document_id, "user_id": "alice", "socket_id": page.get_sid()}
            assert said == sent | {"update": update}
            assert ack == {"position": position}
            assert page.of("ydoc:document:update") == []
            listed = (await api.client.get(f"/api/v1/rooms/doc_note:{note_id}/events")).json()["events"]
            encoded = base64.b64encode(update).decode()
            data = sent | {"update": encoded}
            assert listed == [{"position": position, "event": "ydoc:document:update", "data": data}]


async def test_lists_of_numbers_go_out_where_binary_is_switched_off(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside(ydoc_binary=False) as other, calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Page, note_id, other.url) as old:
            await page.join()
            await page.type("Hello")
            await old.join()
            await page.type(" world")
            await eventually(lambda: old.text == "Hello world")
            assert all(isinstance(said["state"], list) for said in old.of("ydoc:document:state"))
            assert all(isinstance(said["update"], list) for said in old.of("ydoc:document:update"))
            ack = await old.type("x", initialize=True)
            assert isinstance(ack, list)
            async with editing(Editor, note_id, other.url) as editor:
                answer = await editor.join(state_vector=[0])
                assert isinstance(answer["state_vector"], list)
                assert editor.text == "Hello world", "nothing of an update that was not to be is kept"


async def test_the_first_content_wins_and_the_losers_are_answered_with_it(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api, data={"content": {"md": "made"}}))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Page, note_id, other.url) as tab:
            for each in (page, tab):
                await each.join()
                await eventually(lambda each=each: each.of("ydoc:document:state"))
                assert each.of("ydoc:document:state")[0]["content"] == {"md": "made"}
            seeds = [
                each.call("ydoc:document:update", each.said(update=list(written(words)), initialize=True))
                for each, words in ((page, "made"), (tab, "made"))
            ]
            for each, state in zip((page, tab), await asyncio.gather(*seeds), strict=True):
                each.doc.apply_update(state)
            await page.type("!")
            await eventually(lambda: page.text == tab.text == "made!")


async def test_awareness_goes_to_the_others_in_binary_and_is_in_no_log(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="read")
        async with editing(Page, note_id, one.url) as alice, editing(Page, note_id, other.url, "bob") as bob:
            for page in (alice, bob):
                await page.join()
            said = b'{"7":{"user":{"name":"Bob"}}}'
            assert await bob.call("ydoc:awareness:update", bob.said(update=list(said))) is None
            await eventually(lambda: alice.of("ydoc:awareness:update"))
            ((got,),) = [args for event, args in alice.got if event == "ydoc:awareness:update"]
            assert got == {
                "document_id": bob.document_id,
                "user_id": "bob",
                "update": said,
                "socket_id": bob.get_sid(),
            }
            assert bob.of("ydoc:awareness:update") == []
            await alice.drop()
            await bob.call("ydoc:awareness:update", bob.said(update=said))
            await alice.open(other.url, token(), transports=["websocket"])
            assert alice.recovered
            await one.node.producer.emit_to_users("end", {}, ["alice"])
            await eventually(lambda: alice.of("end"))
            assert len(alice.of("ydoc:awareness:update")) == 1
            assert (await api.client.get(f"/api/v1/rooms/doc_note:{note_id}/events")).json()["events"] == []


async def test_a_lost_connection_has_left_once_and_a_dead_nodes_editors_vanish(fleet: Fleet) -> None:
    doomed = await fleet.node(presence_ttl_s=2)
    async with fleet.inside(presence_ttl_s=2) as one, calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="write", carol="write")
        async with (
            editing(Page, note_id, one.url) as alice,
            editing(Page, note_id, one.url, "bob") as bob,
            editing(Page, note_id, doomed.url, "carol") as carol,
        ):
            for page in (alice, bob, carol):
                await page.join()
            sids = {"bob": bob.get_sid(), "carol": carol.get_sid()}
            await bob.drop()
            doomed.kill()

            def left() -> dict[str, str]:
                return {said["user_id"]: said["socket_id"] for said in alice.of("ydoc:user:left")}

            await eventually(lambda: left() == sids, 30)
            await one.node.producer.emit_to_users("end", {}, ["alice"])
            await eventually(lambda: alice.of("end"))
            assert len(alice.of("ydoc:user:left")) == 2


@pytest.mark.parametrize("kind", [Page, Editor])
async def test_what_was_typed_without_a_link_is_asked_for_and_nothing_waits_for_it(
    fleet: Fleet, kind: type[Page]
) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(kind, note_id, one.url) as page, editing(Page, note_id, other.url) as tab:
            vector = {"state_vector": page.doc.get_state()} if kind is Editor else {}
            for each in (page, tab):
                await each.join(**(vector if each is page else {}))
            await page.type("one ")
            await page.drop()
            page.typed("OFFLINE ")
            await page.open(other.url, token(), transports=["websocket"])
            if kind is Editor:
                ack = await page.join(state_vector=page.doc.get_state(), epoch="1")
                missing = page.doc.get_update(ack["state_vector"])
                assert set(await page.call("ydoc:document:update", page.said(update=missing))) == {"position"}
            else:
                await page.join()
            await page.type("two")
            await eventually(lambda: tab.text == page.text == "one OFFLINE two")


async def test_an_update_with_a_gap_is_not_appended_and_its_sender_is_asked_for_the_rest(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with (
            editing(Page, note_id, one.url) as page,
            editing(Editor, note_id, one.url) as editor,
            editing(Page, note_id, other.url) as tab,
        ):
            for each in (page, editor, tab):
                await each.join()
            editor.typed("lost ")
            ack = await editor.type("kept ")
            assert set(ack) == {"resync"}
            await editor.call("ydoc:document:update", editor.said(update=editor.doc.get_update(ack["resync"])))
            await eventually(lambda: tab.text == "lost kept ")
            page.typed("also lost ")
            await page.type("and kept")
            await eventually(lambda: tab.text == page.text == editor.text)
            assert "also lost and kept" in tab.text
            assert page.of("error") == editor.of("error") == []


async def test_a_whole_state_that_brings_nothing_new_is_not_in_the_log(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page:
            await page.join()
            await page.type("Hello world")
            del page.body[2:5]
            await page.call("ydoc:document:update", page.said(update=list(page.doc.get_update())))
            head = await one.node.reader.head(f"doc_note:{note_id}")
            async with editing(Page, note_id, other.url) as tab:
                await tab.join()
                await eventually(lambda: len(tab.of("ydoc:document:state")) == 2)
                ack = await tab.call("ydoc:document:update", tab.said(update=list(tab.doc.get_update())))
                assert ack == {"position": str(head)}
                assert await tab.call("ydoc:document:update", tab.said(update=[0, 0])) == {"position": str(head)}
                assert await one.node.reader.head(f"doc_note:{note_id}") == head


async def test_readers_of_the_note_get_its_newest_content(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), calling(other.url, "alice") as (same,):
        note_id = (await made(api, data={"content": {"md": "made"}, "kept": 1}))["id"]

        async def content() -> Any:
            data = (await same.client.get(f"/api/v1/notes/{note_id}")).json()["data"]
            assert data["kept"] == 1
            return data["content"]

        async with editing(Page, note_id, one.url) as page:
            await page.join()
            assert await content() == {"md": "made"}
            await page.type("typed", data={"content": {"md": "typed", "html": "<p>typed</p>"}})
            assert await content() == {"md": "typed", "html": "<p>typed</p>"}
            await page.call("ydoc:document:update", page.said(data={"content": {"md": "rendered"}}))
            await eventually(lambda: _equals(content, {"md": "rendered"}))
            await api.client.post(f"/api/v1/notes/{note_id}/update", json={"data": {"content": {"md": "by REST"}}})
            assert await content() == {"md": "by REST"}
            async with editing(Page, note_id, other.url) as tab:
                await tab.join()
                await eventually(lambda: tab.of("ydoc:document:state"))
                assert tab.of("ydoc:document:state")[0]["content"] == {"md": "by REST"}


async def _equals(content: Any, wanted: Any) -> bool:
    return bool(await content() == wanted)


async def test_a_content_that_looks_like_an_attachment_does_not_end_anybodys_link(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api, data={"content": {"_placeholder": True, "num": 7}}))["id"]
        async with editing(Page, note_id, one.url) as page, editing(Editor, note_id, other.url) as editor:
            await page.join()
            await page.type("Hello")
            assert "content" not in await editor.join(state_vector=b"\0")
            assert editor.text == "Hello"
            assert page.connected
            assert page.of("ydoc:document:state")[0]["content"] == {"_placeholder": True, "num": 7}


async def test_events_of_documents_reach_nobody_who_has_not_joined(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Page, note_id, one.url) as page, Listener() as tab:
            await tab.open(other.url, token(), transports=["websocket"])
            await page.join()
            await page.type("Hello")
            await page.call("ydoc:awareness:update", page.said(update=[1]))
            await one.node.producer.emit_to_users("end", {}, ["alice"])
            await eventually(lambda: tab.of("end"))
            assert [event for event, _ in tab.got] == ["end"]
