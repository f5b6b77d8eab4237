"""What documents may cost, and what is no update: refused with the reason, and other editors notice nothing."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from archive.yjs.cursor import write_uint
from tests.contract.test_chats import calling
from tests.contract.test_notes import made, share
from tests.support.editors import Editor, Page, editing
from tests.support.nodes import Fleet, LocalNode, eventually


@asynccontextmanager
async def three(fleet: Fleet, **settings: Any) -> AsyncIterator[tuple[Any, Any, Any, LocalNode]]:
    """A stock page and an editor of the second version on one node, and a bystander on another."""
    async with (
        fleet.inside(**settings) as one,
        fleet.inside(**settings) as other,
        calling(one.url, "alice") as (api,),
    ):
        note_id = (await made(api))["id"]
        await share(api, note_id, bob="write")
        async with (
            editing(Page, note_id, one.url, "bob") as page,
            editing(Editor, note_id, one.url, "bob") as editor,
            editing(Page, note_id, other.url) as bystander,
        ):
            for each in (page, editor, bystander):
                await each.join()
            yield page, editor, bystander, one
            await bystander.type("still here")
            await eventually(lambda: "still here" in page.text and "still here" in editor.text)
            assert bystander.of("error") == bystander.of("room:reset") == []


async def refused(page: Page, update: Any, **more: Any) -> Any:
    """Send what has to be refused; returns the acknowledgement. A page that speaks the first version is told, too."""
    told = len(page.of("error"))
    ack = await page.call("ydoc:document:update", page.said(update=update, **more))
    assert set(ack) >= {"error", "message"}
    if type(page) is Page:
        await eventually(lambda: page.of("error")[told:] == [{"message": ack["message"]}])
    else:
        assert page.of("error") == []
    return ack


BAD_BYTES = ["?", "AAA", [256], [-1], [1.5], ["1"], [None], {"0": 1}, 7, True]

BAD_UPDATES = [b"", b"\0", b"\1\1\1", b"\0\0\0", b"\xff" * 40, os.urandom(200)]


async def test_what_is_no_update_is_refused_and_nothing_is_stored(fleet: Fleet) -> None:
    async with three(fleet) as (page, editor, _bystander, node):
        for each in (page, editor):
            for bad in BAD_BYTES:
                assert (await refused(each, bad))["error"] == "invalid", bad
            for bytes_ in BAD_UPDATES:
                assert (await refused(each, bytes_))["error"] == "invalid", bytes_
                assert (await refused(each, list(bytes_), initialize=True))["error"] == "invalid", bytes_
        assert await node.node.reader.length(page_room(page)) == 0


def page_room(page: Page) -> str:
    return f"doc_note:{page.note_id}"


BAD_EVENTS = [
    ("ydoc:document:join", {}),
    ("ydoc:document:join", {"document_id": 7}),
    ("ydoc:document:join", {"document_id": "chat:x"}),
    ("ydoc:document:join", {"document_id": "note:"}),
    ("ydoc:document:join", {"document_id": "note:a\0b"}),
    ("ydoc:document:join", {"document_id": "note:" + "x" * 300}),
    ("ydoc:document:join", {"document_id": "…", "v": 2, "state_vector": b"\xff\xff"}),
    ("ydoc:document:join", {"document_id": "…", "v": 2, "state_vector": "?"}),
    ("ydoc:document:join", {"document_id": "…", "v": 2, "since": "yesterday"}),
    ("ydoc:document:join", {"document_id": "…", "v": 2, "epoch": 7}),
    ("ydoc:document:join", None),
    ("ydoc:document:state", "text"),
    ("ydoc:document:update", []),
    ("ydoc:document:update", {"document_id": "…", "data": "text"}),
    ("ydoc:document:update", {"document_id": "…", "data": {"content": {"md": b"bytes"}}}),
    ("ydoc:document:update", {"document_id": "…", "initialize": []}),
    ("ydoc:awareness:update", {"document_id": "…"}),
    ("ydoc:awareness:update", {"document_id": "…", "update": []}),
    ("ydoc:document:leave", 7),
]


async def test_a_payload_of_a_wrong_shape_is_answered_and_the_session_lives_on(fleet: Fleet) -> None:
    async with three(fleet) as (page, _editor, _bystander, _node):
        for event, payload in BAD_EVENTS:
            if isinstance(payload, dict) and payload.get("document_id") == "…":
                payload = payload | {"document_id": page.document_id}
            answer = await page.call(event, payload)
            assert answer["error"] == "invalid", (event, payload)
        assert set(await page.type("fine")) == {"position"}


async def test_a_rendering_too_deep_to_be_sent_on_is_refused_and_the_document_can_be_joined(fleet: Fleet) -> None:
    async with three(fleet) as (page, _editor, _bystander, node):
        for levels in (250, 254, 500):  # this process' own encoder does not write them
            content = "[" * levels + "]" * levels
            body = f'["ydoc:document:update",{{"document_id":"{page.document_id}","data":{{"content":{content}}}}}]'
            await page.eio.send("2" + body)
        await eventually(lambda: len(page.of("error")) >= 2)
        async with editing(Page, page.note_id, node.url) as late, editing(Editor, page.note_id, node.url) as second:
            assert (await late.join(), (await second.join())["mode"]) == (None, "full")
            await eventually(lambda: late.of("ydoc:document:state"))


async def test_an_update_that_is_too_large_is_refused_by_every_encoding(fleet: Fleet) -> None:
    async with three(fleet, document_update_bytes=2_000) as (page, editor, bystander, _node):
        update = editor.doc.get_update()
        assert set(await editor.call("ydoc:document:update", editor.said(update=update))) == {"position"}
        large = bytes(2_001)
        for encoded in (large, list(large), base64.b64encode(large + large).decode()):
            for each in (page, editor):
                ack = await refused(each, encoded)
                assert (ack["error"], ack["limit"]) == ("too_large", "update 2000 bytes")
        assert bystander.text == ""


async def test_an_update_of_too_many_structs_is_refused(fleet: Fleet) -> None:
    async with three(fleet, document_update_structs=10) as (_page, editor, _bystander, _node):
        before = editor.doc.get_state()
        for _ in range(20):
            editor.body.insert(0, "x")  # each before the one before: none are joined
        ack = await refused(editor, editor.doc.get_update(before))
        assert (ack["error"], ack["limit"]) == ("too_large", "update 10 structs")


async def test_a_document_that_is_full_takes_deletions_only(fleet: Fleet) -> None:
    limits = {"document_soft_bytes": 2_000, "document_hard_bytes": 4_000, "document_update_bytes": 1_900}
    async with three(fleet, **limits) as (_page, editor, bystander, _node):
        assert set(await editor.type("x" * 1_500)) == {"position"}
        update = editor.typed("y" * 1_000)
        ack = await editor.call("ydoc:document:update", editor.said(update=update))
        assert ack["error"] == "busy", "folded it may fit"
        assert ack["limit"] == "document 2000 bytes"
        await eventually(lambda: len(bystander.text) == 1_500)
        before = bystander.doc.get_state()
        del bystander.body[0:1_490]
        deletion = bystander.doc.get_update(before)
        ack = await bystander.call("ydoc:document:update", bystander.said(update=list(deletion)))
        assert set(ack) == {"position"}


async def test_too_many_updates_a_second_are_refused_and_what_a_page_typed_meanwhile_is_asked_for(
    fleet: Fleet,
) -> None:
    async with three(fleet, document_updates_s=5) as (page, editor, bystander, _node):
        acks = await asyncio.gather(*(editor.type("e") for _ in range(30)))
        limited = [ack for ack in acks if ack.get("error") == "rate"]
        assert limited
        assert {ack["limit"] for ack in limited} == {"5 updates a second"}
        assert all(0 < ack["retry_after"] <= 1 for ack in limited)
        for _ in range(30):
            await page.emit("ydoc:document:update", page.said(update=list(page.typed("p"))))
        await eventually(lambda: bystander.text.count("p") == 30, 30)


async def test_too_many_bytes_a_second_are_refused(fleet: Fleet) -> None:
    limits = {"document_update_bytes": 2_000, "document_update_bytes_s": 1_000}
    async with three(fleet, **limits) as (_page, editor, _bystander, _node):
        assert set(await editor.type("x" * 1_900)) == {"position"}
        ack = await editor.type("x" * 1_900)
        assert (ack["error"], ack["limit"]) == ("rate", "1000 bytes of updates a second")


async def test_awareness_is_limited_in_size_and_rate(fleet: Fleet) -> None:
    async with three(fleet, awareness_bytes=100, awareness_s=5) as (_page, editor, bystander, _node):
        said = editor.said(update=bytes(101))
        ack = await editor.call("ydoc:awareness:update", said)
        assert (ack["error"], ack["limit"]) == ("too_large", "awareness 100 bytes")
        said = editor.said(update=b"x")
        acks = await asyncio.gather(*(editor.call("ydoc:awareness:update", said) for _ in range(30)))
        passed = sum(ack is None for ack in acks)
        assert {ack["error"] for ack in acks if ack} == {"rate"}
        await eventually(lambda: len(bystander.of("ydoc:awareness:update")) == passed)
        assert passed >= 10


@pytest.mark.parametrize("asked", [("ydoc:document:update", {"initialize": True}), ("ydoc:document:state", {})])
async def test_whole_states_may_be_asked_for_at_a_rate(fleet: Fleet, asked: tuple[str, Any]) -> None:
    limits = {"document_soft_bytes": 100_000, "document_hard_bytes": 100_000, "document_update_bytes": 90_000}
    async with three(fleet, **limits) as (_page, editor, _bystander, _node):
        await editor.type("x" * 80_000)
        answers = [await editor.call(asked[0], editor.said(**asked[1])) for _ in range(50)]
        refusals = [answer for answer in answers if isinstance(answer, dict)]
        assert {answer["error"] for answer in refusals} == {"rate"}
        assert len(refusals) > 10


@pytest.mark.parametrize("stored", ["", "kept "])
async def test_a_paste_above_the_limit_of_an_update_comes_with_the_next_edit(fleet: Fleet, stored: str) -> None:
    """Whether the log has nothing of the page, or what is new has to be cut out of all that the page has."""
    limits = {"document_update_bytes": 2_000, "document_soft_bytes": 20_000, "document_hard_bytes": 40_000}
    async with three(fleet, **limits) as (page, _editor, bystander, _node):
        if stored:
            assert set(await page.type(stored)) == {"position"}
        ack = await refused(page, list(page.typed("x" * 5_000)))
        assert (ack["error"], ack["limit"]) == ("too_large", "update 2000 bytes")
        assert set(await page.type(" later")) == {"resync"}
        await eventually(lambda: bystander.text == stored + "x" * 5_000 + " later", 30)


async def test_what_is_new_of_a_whole_state_may_not_be_more_than_the_document_has_room_for(fleet: Fleet) -> None:
    limits = {"document_update_bytes": 2_000, "document_soft_bytes": 4_000, "document_hard_bytes": 40_000}
    async with three(fleet, **limits) as (page, _editor, bystander, _node):
        assert set(await page.type("kept ")) == {"position"}
        page.typed("x" * 5_000)
        assert set(await page.type(" later")) == {"resync"}
        await eventually(lambda: any("4000 bytes" in each["message"] for each in page.of("error")), 30)
        assert bystander.text == "kept "


async def test_a_whole_state_that_would_take_much_memory_is_refused(fleet: Fleet) -> None:
    """Two bytes for each struct: at eight megabytes, half a gigabyte while it is read."""
    async with three(fleet) as (page, _editor, bystander, _node):
        page.typed("lost ")
        assert set(await page.type("kept ")) == {"resync"}
        await eventually(lambda: bystander.text == "lost kept ")
        most = (8 << 20) // 16
        bomb = write_uint(1) + write_uint(most + 1) + b"\5\0" + b"\0\1" * (most + 1) + b"\0"
        ack = await refused(page, bomb)
        assert (ack["error"], ack["limit"]) == ("too_large", f"update {most} structs")


async def test_a_document_of_many_clients_is_joined_and_healed(fleet: Fleet) -> None:
    """Each visit of a page is a new client."""
    async with three(fleet) as (page, editor, bystander, _node):
        for first in (1_000_000, 2_000_000):
            items = b"".join(b"\1" + write_uint(first + number) + b"\0\4\1\4text\1a" for number in range(6_000))
            update = write_uint(6_000) + items + b"\0"
            assert set(await editor.call("ydoc:document:update", editor.said(update=update))) == {"position"}
        await eventually(lambda: len(bystander.text) == len(page.text) == 12_000, 60)
        vector = bystander.doc.get_state()
        assert (await editor.join(state_vector=vector, epoch="1"))["mode"] == "diff"
        assert (await editor.join(state_vector=vector + bytes(256 << 10), epoch="1"))["mode"] == "full"
        page.typed("OFFLINE ")
        await page.type("later")
        await eventually(lambda: "OFFLINE later" in bystander.text, 60)


async def test_a_session_has_so_many_documents_open(fleet: Fleet) -> None:
    async with (
        three(fleet, session_documents=2) as (page, _editor, _bystander, node),
        calling(node.url, "bob") as (api,),
    ):
        for wanted in (None, "denied"):
            note_id = (await made(api))["id"]
            ack = await page.call("ydoc:document:join", {"document_id": f"note:{note_id}"})
            assert (ack and ack["error"]) == wanted
        await page.call("ydoc:document:leave", page.said())
        assert await page.call("ydoc:document:join", {"document_id": f"note:{note_id}"}) is None
        await page.call("ydoc:document:leave", {"document_id": f"note:{note_id}"})
        await page.join()


@pytest.mark.parametrize("blob", [bytes, list])
async def test_100_mb_of_rubbish_leaves_the_node_as_it_was(fleet: Fleet, blob: Any) -> None:
    async with three(fleet) as (_page, editor, _bystander, _node):
        rubbish = blob(bytes(900_000))
        for _ in range(100 if blob is bytes else 10):
            await editor.emit("ydoc:document:update", editor.said(update=rubbish))
        assert (await editor.type("x")).get("error") in (None, "rate")
