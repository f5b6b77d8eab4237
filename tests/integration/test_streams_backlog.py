"""What the worker reads of rooms, on a real server: all that follows a position, as it was appended."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from streams.append import Appender, NewEntry
from streams.backlog import Backlog
from streams.entry import Entry, Position
from streams.jobs import READ_ROOMS
from streams.link import Link

ROOM = "user:owner"


@pytest.fixture
def backlog(link: Link) -> Backlog:
    return Backlog(link, link.client())


async def append(appender: Appender, count: int = 1, room: str = ROOM) -> list[Position]:
    answers = [appender.append(NewEntry(room, "e", b"1")) for _ in range(count)]
    return [answer.position for answer in await asyncio.gather(*answers)]


def positions(entries: list[Entry]) -> list[Position]:
    return [entry.position for entry in entries]


async def test_each_room_is_read_from_its_own_position(backlog: Backlog, appender: Appender) -> None:
    here, there = await append(appender, 5), await append(appender, 3, "user:other")
    starts = {ROOM: here[1], "user:other": there[2], "user:nobody": Position.ZERO}
    found = await backlog.read(starts, 2)
    assert {room: positions(entries) for room, entries in found.items()} == {
        ROOM: here[2:4],
        "user:other": [],
        "user:nobody": [],
    }


async def test_what_is_read_while_others_append_has_no_hole(backlog: Backlog, appender: Appender) -> None:
    """So many rooms that they are read by several commands."""
    starts = dict.fromkeys((f"user:{number:0>40}" for number in range(READ_ROOMS + 50)), Position.ZERO)
    done = asyncio.Event()
    holes: list[tuple[Entry, Entry]] = []

    async def read() -> None:
        while not done.is_set():
            for entries in (await backlog.read(starts, 1000)).values():
                holes.extend(pair for pair in pairwise(entries) if pair[1].prev != pair[0].position)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        for _ in range(20):
            await asyncio.gather(*(append(appender, 1, room) for room in starts))
        done.set()
    assert holes == []
    assert all(len(entries) == 20 for entries in (await backlog.read(starts, 1000)).values())


async def test_reading_a_room_that_is_forgotten_makes_no_stream(link: Link, backlog: Backlog) -> None:
    assert await backlog.read({"user:nobody": Position.ZERO}, 10) == {"user:nobody": []}
    assert not await link.client().exists(link.keys.room("user:nobody"))
