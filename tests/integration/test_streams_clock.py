"""Positions only ever grow, whatever happens to clocks and servers."""

from __future__ import annotations

import time

from streams.append import Appender, NewEntry
from streams.entry import Position
from streams.keys import Keys
from streams.link import EPOCH_MARGIN_MS, Link
from streams.replay import Gap, Page, Reader
from tests.support.valkey import ValkeyServer, running_appender

HOUR_MS = 3_600_000
ENTRY = NewEntry("user:owner", "e", b"1")


async def test_a_clock_that_steps_back_does_not_take_positions_back(link: Link, appender: Appender) -> None:
    """Seen from the log, a clock that stepped back is a last position that lies in the future."""
    await appender.append(ENTRY)
    ahead = Position(int(time.time() * 1000) + HOUR_MS, 0)
    fields = {"r": "user:x", "e": "e", "d": "1", "p": "0-0", "s": "", "q": ""}
    await link.client().xadd(link.keys.log, fields, id=str(ahead))
    appended = [(await appender.append(ENTRY)).position for _ in range(3)]
    assert [ahead, *appended] == sorted({ahead, *appended})
    reader = Reader(link, link.client())
    page = await reader.page({ENTRY.room: ahead}, await reader.position())
    assert isinstance(page, Page)
    assert [entry.position for entry in page.entries] == appended


async def test_after_a_restart_positions_begin_above_all_old_ones(own_valkey: ValkeyServer, key_prefix: str) -> None:
    link = Link(own_valkey.url, Keys(key_prefix))
    async with running_appender(link) as appender:
        before = (await appender.append(ENTRY)).position
        own_valkey.kill()
        own_valkey.start()
        after = (await appender.append(ENTRY)).position
        assert after.ms >= before.ms + EPOCH_MARGIN_MS
        reader = Reader(link, link.client())
        until = await reader.position()
        assert isinstance(await reader.page({ENTRY.room: before}, until), Gap)
        assert isinstance(await reader.page({ENTRY.room: await reader.epoch()}, until), Page)
    await link.aclose()


async def test_a_new_primary_that_knows_nothing_begins_above_what_its_clients_saw(
    own_valkey: ValkeyServer, key_prefix: str
) -> None:
    """A replica without the tail took over, its clock an hour behind."""
    link = Link(own_valkey.url, Keys(key_prefix))
    seen = Position(int(time.time() * 1000) + HOUR_MS, 7)
    link.saw(seen)
    async with running_appender(link) as appender:
        assert (await appender.append(ENTRY)).position.ms >= seen.ms + EPOCH_MARGIN_MS
    reader = Reader(link, link.client())
    assert isinstance(await reader.page({ENTRY.room: seen}, await reader.position()), Gap)
    await link.aclose()
