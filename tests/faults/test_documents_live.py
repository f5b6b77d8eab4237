"""Documents with editors at work, two nodes and two workers, while something under them dies: nobody's edit is missing.

The editors are stock pages and clients of version 2, JavaScript's Yjs and pycrdt. Every character is typed once in a
test, so that one that is missing, or there twice, has a name.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from streams.keys import Keys
from streams.link import Link
from streams.replay import Reader
from tests.contract.links import MutedProxy, breakable, port_of
from tests.support.nodes import DEADLINE_S, Api, Fleet, Process, eventually
from tests.support.postgres import Postgres
from tests.support.stalls import away
from tests.support.stored import stored_text
from tests.support.studio import JS_CURRENT, JS_STOCK, PY_CURRENT, PY_STOCK, Editor, Studio, new_note, studio
from tests.support.valkey import ValkeyServer

KINDS = (JS_STOCK, PY_STOCK, JS_CURRENT, PY_CURRENT)
FAST: dict[str, Any] = {"claim_after_s": 1, "sweep_interval_s": 0.5, "document_fold_quiet_ms": 100}
STORED_S = 60.0
HOUR_MS = 3_600_000


@dataclass
class Desk:
    """A note that four people edit: a stock page and a client of version 2 on each of two nodes."""

    fleet: Fleet
    nodes: list[Process]
    studio: Studio
    characters: Iterator[str] = field(default_factory=lambda: map(chr, itertools.count(0x4E00)))
    typed: list[str] = field(default_factory=list)

    @property
    def editors(self) -> list[Editor]:
        return self.studio.editors

    async def type(self, *editors: Editor, count: int = 3) -> None:
        """Each of them types some characters, all at once; everybody, when nobody is named."""
        texts = ["".join(itertools.islice(self.characters, count)) for _ in editors or self.editors]
        self.typed += "".join(texts)
        await asyncio.gather(*(one.insert(0.5, text) for one, text in zip(editors or self.editors, texts, strict=True)))

    async def agree(self) -> str:
        return await self.studio.agree(self.typed)

    async def in_step(self) -> None:
        for editor in self.editors:
            await eventually(editor.synced, DEADLINE_S)

    async def stored(self) -> str:
        """Wait until SQL has what the editors have; returns it."""
        text = await self.agree()

        async def same() -> bool:
            return await stored_text(self.fleet, self.studio.document_id) == text

        await eventually(same, STORED_S)
        return text

    async def length(self) -> int:
        """Entries of the document in the log."""
        link = Link(self.fleet.redis_url, Keys(self.fleet.key_prefix))
        try:
            return await Reader(link, link.client()).length(f"doc_{self.studio.document_id}")
        finally:
            await link.aclose()

    async def move(self, editor: Editor, node: Process) -> None:
        """The editor's link is cut, and the next one goes to this node."""
        editor.tunnel.point_at(node.port)
        editor.tunnel.cut()


@asynccontextmanager
async def desk(fleet: Fleet, *nodes: Process, **settings: Any) -> AsyncIterator[Desk]:
    """nodes: given, or two; two workers, with settings. Everybody has typed something when the block begins."""
    given = list(nodes) or [await fleet.node(), await fleet.node()]
    for _ in range(2):
        fleet.worker(**FAST | settings)
    users = [f"user{number}" for number in range(len(KINDS))]
    api = Api(given[-1].url)
    try:
        document_id = await new_note(api, *users)
        async with studio(document_id) as made:
            for number, kind in enumerate(KINDS):
                await made.open(kind, users[number], given[number % 2].port)
            here = Desk(fleet, given, made)
            await here.in_step()
            await here.type()
            await here.agree()
            yield here
    finally:
        await api.aclose()


@pytest.mark.parametrize("number", [0, 2], ids=["stock page", "version 2"])
async def test_a_node_killed_between_append_and_acknowledgement_nothing_is_missing_or_there_twice(
    fleet: Fleet, number: int
) -> None:
    async with breakable(fleet, MutedProxy(port_of(fleet))) as (behind, proxy):
        doomed, other = await behind.node(), await fleet.node()
        async with desk(fleet, doomed, other) as here:
            one, (there, _) = here.editors[number], here.editors[1::2]
            await here.in_step()
            assert isinstance(proxy, MutedProxy)
            proxy.muted = True
            await here.type(one, count=1)

            async def appended() -> bool:
                return here.typed[-1] in await there.text()

            await eventually(appended, DEADLINE_S)
            assert number == 0 or not await one.synced(), "it was acknowledged"
            before = await here.length()
            doomed.kill()
            for editor in here.editors[0::2]:
                await here.move(editor, other)
            await here.in_step()
            await here.agree()
            assert await here.length() == before, "what came again was there"
            await here.type()
            await here.stored()


async def test_the_log_restarts_from_its_file_under_the_editors(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    async with desk(own_fleet) as here:
        await here.type()
        own_valkey.kill()
        await here.type(*here.editors[2:])  # a stock page does not send again what met no log; it is asked for it
        own_valkey.start()
        await here.type()
        await here.in_step()
        await here.stored()
        await here.type()
        await here.stored()


@pytest.mark.parametrize("folded", [True, False])
async def test_the_log_is_emptied_under_the_editors(own_fleet: Fleet, own_valkey: ValkeyServer, folded: bool) -> None:
    async with desk(own_fleet) as here:
        await here.stored()  # the note itself has to be known: nobody's page has that
        if not folded:
            await here.type()
        with own_valkey.client() as redis:
            redis.flushall()
        await here.type()
        await here.in_step()
        await here.stored()
        await here.type()
        text = await here.stored()
        late = await here.studio.open(JS_STOCK, "user0", here.nodes[0].port)
        await eventually(late.synced, DEADLINE_S)
        assert await late.text() == text


async def test_the_log_is_emptied_when_nobody_edits(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    async with desk(own_fleet) as here:
        text = await here.stored()
        for editor in here.editors:
            editor.tunnel.refusing = True
            editor.tunnel.cut()
        with own_valkey.client() as redis:
            redis.flushall()
        late = await here.studio.open(JS_CURRENT, "user0", here.nodes[0].port)
        await eventually(late.synced, DEADLINE_S)
        assert await late.text() == text
        await here.type(late)
        for editor in here.editors:
            editor.tunnel.refusing = False
        await here.stored()


async def test_a_clock_that_steps_back_delays_no_edit_and_no_fold(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    """The log's server has what a clock noted that was an hour ahead, and now the clock is right."""
    keys = Keys(own_fleet.key_prefix)
    slow = {"document_fold_quiet_ms": 20_000, "document_fold_longest_ms": 20_000}
    nodes = [await own_fleet.node(**slow), await own_fleet.node(**slow)]
    async with desk(own_fleet, *nodes, **slow) as here:
        with own_valkey.client() as redis:
            late = redis.time()[0] * 1000 + HOUR_MS
            fields = {"r": "system:test", "e": "test", "d": "{}", "p": "0-0", "s": "", "q": ""}
            redis.xadd(keys.log, fields, id=f"{late}-0")
            await here.type()
            await here.agree()
            scores = redis.zrange(keys.documents_due, 0, -1, withscores=True)
            assert scores, "its fold is pending"
            redis.zadd(keys.documents_due, {room: score + HOUR_MS for room, score in scores})
        await here.stored()


async def test_without_the_database_the_editors_go_on_and_it_is_told_later(
    fleet: Fleet, postgres: Postgres, database_url: str
) -> None:
    async with desk(fleet) as here:
        before = await here.stored()
        with away(postgres, database_url):
            for _ in range(3):
                await here.type()
                await here.agree()
        assert await here.stored() != before


async def test_the_last_editor_leaves_while_the_fold_is_pending(fleet: Fleet) -> None:
    async with desk(fleet) as here:
        last = here.editors[2]
        await here.type(last)
        await here.agree()
        for editor in here.editors:
            editor.tunnel.refusing = True
            editor.tunnel.cut()
        await here.stored()
