"""The second version of the document protocol: a join costs what was missed; histories; on two nodes."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
import pytest
from pycrdt import Doc, Text

from archive.yjs import decode_vector
from streams.append import NewEntry
from streams.document_change import DocumentChange, Reset
from streams.entry import Position
from tests.contract.test_chats import calling, two
from tests.contract.test_notes import made
from tests.support.editors import Editor, Page, editing
from tests.support.nodes import Fleet, LocalNode, eventually, token


async def test_a_join_brings_all_the_difference_or_the_tail(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, one.url) as near, editing(Editor, note_id, other.url) as far:
            ack = await near.join()
            assert (ack["v"], ack["mode"], ack["update"], ack["write"]) == (2, "full", b"\0\0", True)
            await near.type("one ")
            ack = await far.join()
            assert (ack["mode"], far.text) == ("full", "one ")
            assert ack["state_vector"] == near.doc.get_state()
            ack = await near.type("two ")
            await eventually(lambda: far.text == "one two ")
            assert far.of("ydoc:document:state") == [], "pages are asked for what they have, these say it"
            await far.drop()
            for word in ("three ", "four "):
                await near.type(word)
            for had, mode in (
                ({"since": ack["position"], "epoch": "1"}, "tail"),
                ({"since": ack["position"], "epoch": "1", "state_vector": far.doc.get_state()}, "tail"),
                ({"state_vector": far.doc.get_state(), "epoch": "1"}, "diff"),
                ({"since": "1-1", "state_vector": list(far.doc.get_state())}, "diff"),
                ({"since": str(Position(2**64 - 2, 0))}, "full"),
                ({}, "full"),
            ):
                async with editing(Editor, note_id, one.url) as again:
                    again.doc.apply_update(far.doc.get_update())
                    answer = await again.join(**had)
                    assert (answer["mode"], again.text) == (mode, "one two three four "), had
                    listed = (await api.client.get(f"/api/v1/rooms/doc_note:{note_id}/events")).json()
                    assert answer["position"] >= listed["events"][-1]["position"]


async def test_nothing_missed_costs_nothing(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, one.url) as editor:
            await editor.join()
            ack = await editor.type("Hello")
            await editor.drop()
            await editor.open(other.url, token(), transports=["websocket"])
            again = await editor.join(since=ack["position"], epoch="1", state_vector=editor.doc.get_state())
            assert (again["mode"], again["update"]) == ("tail", b"\0\0")


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_large_state_comes_in_numbered_parts_before_the_answer(fleet: Fleet, transport: str) -> None:
    words = secrets.token_hex(200_000)
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with (
            editing(Editor, note_id, one.url) as editor,
            editing(Editor, note_id, other.url, transport=transport) as far,
            editing(Page, note_id, other.url, transport=transport) as page,
        ):
            await editor.join()
            assert set(await editor.type(words)) == {"position"}
            ack = await far.join()
            parts = far.of("ydoc:document:part")
            assert [part["part"] for part in parts] == list(range(ack["parts"]))
            assert {(part["id"], part["parts"], part["document_id"]) for part in parts} == {
                (ack["id"], len(parts), f"note:{note_id}")
            }
            assert far.text == words
            await page.join()
            await eventually(lambda: page.text == words)
            assert len(page.of("ydoc:document:state")) == 1, "a page is not asked for so much"


async def restored(node: LocalNode, note_id: str, words: str, epoch: str = "restored") -> None:
    """Begin another history of a document, as an operator's restore does."""
    doc: Doc[Any] = Doc()
    doc["text"] = text = Text()
    text += words
    spans = [(client, 0, clock) for client, clock in _clocks(doc).items()]
    change = DocumentChange("", spans, reset=Reset(epoch))
    data = orjson.dumps({"document_id": f"note:{note_id}", "epoch": epoch})
    entry = NewEntry(f"doc_note:{note_id}", "ydoc:document:epoch", data, binary=doc.get_update(), change=change)
    await node.node.appender.append(entry)


def _clocks(doc: Doc[Any]) -> dict[int, int]:
    return dict(decode_vector(doc.get_state()).clocks)


async def test_another_history_is_told_and_never_merged(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, other.url) as editor, editing(Page, note_id, other.url) as page:
            await editor.join()
            await page.join()
            ack = await editor.type("mine")
            await eventually(lambda: page.text == "mine")
            await restored(one, note_id, "theirs")
            await eventually(lambda: editor.of("ydoc:document:epoch"))
            assert editor.of("ydoc:document:epoch") == [{"document_id": f"note:{note_id}", "epoch": "restored"}]
            refused = await editor.type(" and more")
            assert refused["error"] == "epoch"
            answer = await editor.join(epoch="1", since=ack["position"], state_vector=editor.doc.get_state())
            assert (answer["mode"], answer["epoch"], "update" in answer) == ("epoch", "restored", False)
            await eventually(lambda: page.of("error") and page.of("ydoc:document:closed"))
            await eventually(lambda: f"doc_note:{note_id}" not in _rooms(other, page))
            assert (await page.type(" and more"))["error"] == "not_joined"
            async with editing(Editor, note_id, one.url) as fresh:
                assert (await fresh.join())["epoch"] == "restored"
                assert fresh.text == "theirs"
                assert set(await fresh.type(" on")) == {"position"}


def _rooms(node: LocalNode, page: Page) -> set[str]:
    session = node.node.sessions.by_sid.get(page.get_sid())
    return set(session.feed.rooms) if session else set()
