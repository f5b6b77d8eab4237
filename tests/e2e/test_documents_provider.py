"""The provider against real nodes: what it says of itself, and what it does when something is in its way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.nodes import Api, Fleet, LocalNode, eventually
from tests.support.studio import AGREE_S, JS_CURRENT, JS_STOCK, PY_CURRENT, JsEditor, Studio, new_note, share, studio

RECONNECT_BYTES = 10_000


@asynccontextmanager
async def desk(fleet: Fleet, *users: str) -> AsyncIterator[tuple[LocalNode, Api, Studio]]:
    """A node, alice's calls to it, and a note of hers that these users may write."""
    async with fleet.inside() as node:
        api = Api(node.url)
        try:
            document_id = await new_note(api, *users)
            async with studio(document_id) as made:
                yield node, api, made
        finally:
            await api.aclose()


def note_of(made: Studio) -> str:
    return made.document_id.removeprefix("note:")


async def test_it_is_offline_saving_synced_and_offline_again_with_nothing_lost(fleet: Fleet) -> None:
    async with desk(fleet) as (node, _api, made):
        editor: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        assert (await editor.sees(status="synced"))["seen"] == ["synced"]
        await editor.insert(1, "abc")
        await editor.sees(status="synced")
        async with editor.tunnel.outage():
            await editor.sees(status="offline")
            await editor.insert(1, "def")
            assert (await editor.look())["status"] == "offline"
        seen = (await editor.sees(status="synced"))["seen"]
        assert seen == ["synced", "saving", "synced", "offline", "saving", "synced"]
        other: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await made.agree("abcdef")
        await other.close()
        await editor.close()


async def test_edits_of_one_turn_are_one_update_and_so_are_those_made_while_one_is_awaited(fleet: Fleet) -> None:
    async with desk(fleet) as (node, _api, made):
        editor: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await editor.sees(status="synced")
        text = "".join(map(chr, range(0x4E00, 0x4E00 + 90)))
        await editor.insert(1, text)
        assert (await editor.sees(status="synced"))["updates"] == 1
        editor.tunnel.silent = True
        for character in "abcdef":
            await editor.insert(1, character)
        editor.tunnel.silent = False
        assert (await editor.sees(status="synced"))["updates"] in (2, 3)
        await made.open(PY_CURRENT, "alice", node.port)
        await made.agree(text + "abcdef")


async def test_a_reconnect_after_200_missed_edits_costs_what_was_missed(fleet: Fleet) -> None:
    """Both on another node than before; the document is large beside that."""
    async with desk(fleet, "bob") as (node, _api, made), fleet.inside() as other:
        editor: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        writer: JsEditor = await made.open(JS_CURRENT, "bob", node.port)
        await editor.sees(status="synced")
        for _ in range(20):
            await writer.paste(0.5, "x" * 5000)
        await eventually(lambda: has_length(editor, 100_000), AGREE_S)
        async with editor.tunnel.outage():
            await editor.sees(status="offline")
            for number in range(200):
                await writer.insert(0.5, chr(0x4E00 + number))
            await writer.sees(status="synced")
            before = (await editor.look())["heard"]["in"]
            editor.tunnel.point_at(other.port)
        found = await editor.sees(status="synced")
        await eventually(lambda: has_length(editor, 100_200), AGREE_S)
        assert found["heard"]["in"] - before < RECONNECT_BYTES


async def has_length(editor: JsEditor, length: int) -> bool:
    return len(await editor.text()) == length


async def test_a_state_that_is_large_comes_in_parts(fleet: Fleet) -> None:
    async with desk(fleet) as (node, _api, made):
        writer: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await writer.sees(status="synced")
        for _ in range(10):
            await writer.paste(0.5, "語" * 20_000)
            await writer.sees(status="synced")
        reader: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        found = await reader.sees(status="synced")
        assert len(found["text"]) == 200_000
        assert found["heard"]["in"] > 600_000
        python = await made.open(PY_CURRENT, "alice", node.port)
        await eventually(python.synced)
        assert await python.text() == found["text"]


async def test_who_may_only_read_is_told_so_and_what_they_typed_comes_up_when_they_may_write(fleet: Fleet) -> None:
    async with desk(fleet) as (node, api, made):
        await share(api, note_of(made), bob="read")
        owner: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        reader: JsEditor = await made.open(JS_CURRENT, "bob", node.port)
        await owner.sees(status="synced")
        assert (await reader.sees(status="synced"))["write"] is False
        await owner.insert(1, "abc")
        await reader.sees(text="abc")
        await reader.insert(1, "d")
        assert (await reader.sees(status="refused"))["refusal"]["reason"] == "readonly"
        await owner.insert(0, "e")
        await eventually(lambda: has_length(reader, 5))
        await share(api, note_of(made), bob="write")
        await reader.retry()
        await reader.sees(status="synced")
        await made.agree("abcde")


async def test_access_that_is_taken_away_closes_the_document_and_a_downgrade_refuses_edits(fleet: Fleet) -> None:
    async with desk(fleet, "bob", "carol") as (node, api, made):
        bob: JsEditor = await made.open(JS_CURRENT, "bob", node.port)
        carol: JsEditor = await made.open(JS_CURRENT, "carol", node.port)
        await bob.sees(status="synced")
        await carol.sees(status="synced")
        await share(api, note_of(made), bob="read")
        assert (await carol.sees(status="refused"))["refusal"]["reason"] == "denied"
        await bob.insert(0, "a")
        assert (await bob.sees(status="refused"))["refusal"]["reason"] == "readonly"


async def test_an_update_that_is_too_large_is_refused_and_may_be_taken_back(fleet: Fleet) -> None:
    async with desk(fleet) as (node, _api, made):
        editor: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await editor.sees(status="synced")
        await editor.paste(0, "x" * 1_200_000)
        found = await editor.sees(status="refused")
        assert found["refusal"]["reason"] == "too_large"
        await editor.clear()
        await editor.insert(0, "y")
        await editor.retry()
        await editor.sees(status="synced")
        other: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await other.sees(text="y", status="synced")


async def test_a_page_that_was_closed_offline_brings_its_edits_when_it_is_opened_again(fleet: Fleet) -> None:
    """y-indexeddb keeps them; the second page is another Yjs client with the same database."""
    async with desk(fleet) as (node, _api, made):
        first: JsEditor = await made.open(JS_CURRENT, "alice", node.port, database="kept")
        await first.sees(status="synced")
        await first.insert(1, "ab")
        await first.sees(status="synced")
        first.tunnel.refusing = True
        first.tunnel.cut()
        await first.sees(status="offline")
        await first.insert(1, "cd")
        await first.close()
        other: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await other.sees(text="ab", status="synced")
        again: JsEditor = await made.open(JS_CURRENT, "alice", node.port, database="kept")
        await again.sees(status="synced", text="abcd")
        await other.sees(text="abcd")


async def test_what_is_unsaved_when_the_page_is_closed_is_said_with_its_goodbye(fleet: Fleet) -> None:
    async with desk(fleet) as (node, _api, made):
        editor: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await editor.sees(status="synced")
        await editor.last("abc")
        made.editors.clear()
        other: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await other.sees(text="abc", status="synced")


async def test_stock_pages_and_the_provider_see_each_others_cursors(fleet: Fleet) -> None:
    async with desk(fleet, "bob", "carol") as (node, _api, made):
        one: JsEditor = await made.open(JS_CURRENT, "alice", node.port, aware=True)
        await one.sees(status="synced")
        other: JsEditor = await made.open(JS_CURRENT, "bob", node.port, aware=True)
        stock: JsEditor = await made.open(JS_STOCK, "carol", node.port)
        for editor in (one, other):
            await eventually(lambda editor=editor: sees_users(editor, "alice", "bob", "carol"))
        await eventually(lambda: sees_users(stock, "alice", "bob"))
        await other.close()
        made.editors.remove(other)
        await eventually(lambda: sees_users(one, "alice", "carol"))
        await eventually(lambda: sees_users(stock, "alice"))


async def sees_users(editor: JsEditor, *users: str) -> bool:
    return users_of((await editor.look())["states"]) == list(users)


def users_of(states: list[Any]) -> list[str]:
    return sorted(state["user"]["id"] for state in states)


async def test_stock_pages_that_open_an_empty_note_at_once_fill_it_once(fleet: Fleet) -> None:
    async with desk(fleet, "bob") as (node, _api, made), fleet.inside() as other:
        for user, port in (("alice", node.port), ("bob", other.port)) * 2:
            await made.open(JS_STOCK, user, port, content="one text")
        current: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await current.sees(text="one text")
        await current.insert(1, "!")
        for editor in made.editors:
            assert isinstance(editor, JsEditor)
            await editor.sees(text="one text!")
