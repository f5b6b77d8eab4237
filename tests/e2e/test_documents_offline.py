"""Six editors of one note, cut, offline, moved between nodes that are killed, in any order: nobody loses a character.

Three do what Open WebUI's page does and three speak version 2; four are JavaScript's Yjs, two are pycrdt. Every
character that is typed is typed once in the whole run, so that what is missing, or there twice, has a name.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.nodes import Api, Fleet, Process, eventually
from tests.support.stored import stored_text
from tests.support.studio import JS_CURRENT, JS_STOCK, PY_CURRENT, PY_STOCK, Editor, Studio, new_note, studio

KINDS = (JS_STOCK, JS_STOCK, PY_STOCK, JS_CURRENT, JS_CURRENT, PY_CURRENT)
STORED_S = 60.0
FIRST_CHARACTER = 0x4E00  # one unit of UTF-16 each, three bytes of UTF-8, and 20,000 of them


@dataclass(frozen=True)
class Types:
    """Some characters, at a place."""

    editor: int
    at: float
    count: int


@dataclass(frozen=True)
class Deletes:
    """A character at a place."""

    editor: int
    at: float


@dataclass(frozen=True)
class Goes:
    """The editor's link is cut, and nobody lets it through."""

    editor: int


@dataclass(frozen=True)
class Comes:
    """The editor is let through, to this node; if it was there, its link is cut."""

    editor: int
    node: int


@dataclass(frozen=True)
class Dies:
    """The node is killed, with everything that it was about to do, and started again."""

    node: int


@dataclass(frozen=True)
class Waits:
    """Until the editor is in step, if it is online."""

    editor: int


Step: TypeAlias = Types | Deletes | Goes | Comes | Dies | Waits

_editor = st.integers(0, len(KINDS) - 1)
_node = st.integers(0, 1)
_at = st.floats(0, 1, exclude_max=True)
_types = st.builds(Types, _editor, _at, st.integers(1, 8))
_moves = st.one_of(st.builds(Goes, _editor), st.builds(Comes, _editor, _node), st.builds(Waits, _editor))
_deletes = st.builds(Deletes, _editor, _at)
_dies = st.builds(Dies, _node)


def _schedule(*more: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    """Every editor types first, and once while it is offline; the rest is open."""
    some = st.lists(st.one_of(_types, _types, _moves, *more), min_size=10, max_size=40)
    offline = st.permutations([step for number in range(len(KINDS)) for step in (Goes(number), Types(number, 0.5, 3))])
    begin = [Types(number, 0.9, 2) for number in range(len(KINDS))]
    return st.tuples(some, offline, some).map(lambda parts: [*begin, *itertools.chain(*parts)])


@dataclass
class World:
    """The nodes, the editors, and what must be in the note."""

    nodes: list[Process]
    studio: Studio
    characters: Iterator[str]
    typed: set[str] = field(default_factory=set)
    away: set[int] = field(default_factory=set)

    @property
    def editors(self) -> list[Editor]:
        return self.studio.editors

    async def play(self, steps: list[Step]) -> None:
        for step in steps:
            await self._do(step)
        for number in sorted(self.away):
            await self._do(Comes(number, number % 2))

    async def _do(self, step: Step) -> None:
        match step:
            case Types(editor, at, count):
                text = "".join(itertools.islice(self.characters, count))
                await self.editors[editor].insert(at, text)
                self.typed |= set(text)
            case Deletes(editor, at):
                self.typed -= set(await self.editors[editor].delete(at))
            case Goes(editor):
                self.away.add(editor)
                self.editors[editor].tunnel.refusing = True
                self.editors[editor].tunnel.cut()
            case Comes(editor, node):
                self.away.discard(editor)
                tunnel = self.editors[editor].tunnel
                tunnel.point_at(self.nodes[node].port)
                tunnel.refusing = False
                tunnel.cut()
            case Dies(node):
                self.nodes[node].kill()
                self.nodes[node].start()
                await self.nodes[node].ready()
            case Waits(editor):
                if editor not in self.away:
                    await eventually(self.editors[editor].synced, 60)


@asynccontextmanager
async def world(nodes: list[Process]) -> AsyncIterator[World]:
    users = [f"user{number}" for number in range(len(KINDS))]
    api = Api(nodes[0].url)
    try:
        document_id = await new_note(api, *users)
        async with studio(document_id) as editors:
            for number, kind in enumerate(KINDS):
                editor = await editors.open(kind, users[number], nodes[number % 2].port)
                await eventually(editor.synced, 30)
            yield World(nodes, editors, (chr(code) for code in itertools.count(FIRST_CHARACTER)))
    finally:
        await api.aclose()


async def _play(fleet: Fleet, nodes: list[Process], steps: list[Step]) -> None:
    async with world(nodes) as here:
        await here.play(steps)
        text = await here.studio.agree(sorted(here.typed))
        await eventually(lambda: is_stored(fleet, here.studio.document_id, text), STORED_S)


async def is_stored(fleet: Fleet, document_id: str, text: str) -> bool:
    return await stored_text(fleet, document_id) == text


@pytest.fixture
def nodes(fleet: Fleet) -> list[Process]:
    """Two nodes, and two workers."""

    async def start() -> list[Process]:
        made = [await fleet.node(), await fleet.node()]
        for _ in range(2):
            fleet.worker()
        return made

    return asyncio.run(start())


_few = settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.mark.timeout(900)
@_few
@given(steps=_schedule())
def test_nobody_loses_a_character_whoever_comes_back_when(
    fleet: Fleet, nodes: list[Process], steps: list[Step]
) -> None:
    asyncio.run(_play(fleet, nodes, steps))


@pytest.mark.timeout(900)
@_few
@given(steps=_schedule(_deletes, _dies))
def test_nor_with_deletions_and_nodes_that_are_killed(fleet: Fleet, nodes: list[Process], steps: list[Step]) -> None:
    asyncio.run(_play(fleet, nodes, steps))
