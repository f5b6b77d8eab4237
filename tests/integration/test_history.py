"""The recent history of rooms: one read for all who come back together, and nothing that the log would not say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from streams.append import Appender, Copy, NewEntry
from streams.entry import Entry, Position
from streams.history import History
from streams.link import Link
from streams.replay import PAGE_ENTRIES, Gap, Page, Reader, Reads
from streams.rooms import Rooms
from streams.strides import FIRST_ENTRIES, READ_BYTES, sizes_of
from streams.tail import Tail
from tests.support.nodes import eventually

ROOM, OTHER = "user:a", "user:b"
MOST_BYTES = 8 << 20


class CountedReader(Reader):
    """Counts its reads; `pause` stops them before they are sent, `hold` when they are answered."""

    reads = 0

    def __init__(self, link: Link) -> None:
        super().__init__(link, link.trunk())
        self.pause = asyncio.Event()
        self.hold = asyncio.Event()
        self.pause.set()
        self.hold.set()

    async def read(self, starts: Mapping[str, Position], limit: int = PAGE_ENTRIES) -> Reads:
        self.reads += 1
        await self.pause.wait()
        reads = await super().read(starts, limit)
        await self.hold.wait()
        return reads


@dataclass
class Shelf:
    """A history with the tail that it follows. rooms: of which the tail brings entries."""

    reader: CountedReader
    tail: Tail
    history: History
    rooms: set[bytes]

    async def at(self, position: Position) -> None:
        """The tail has come to a position."""
        await eventually(lambda: self.tail.position >= position)

    async def all_of(self, room: str, start: Position) -> Sequence[Entry]:
        """Page by page, as a feed catches up with the tail."""
        found: list[Entry] = []
        while start < (until := self.tail.position):
            page = await self.history.page({room: start}, until)
            assert isinstance(page, Page)
            assert page.upto > start
            found += page.entries
            start = page.upto
        return found


@asynccontextmanager
async def _shelf(link: Link, most_bytes: int = MOST_BYTES, kept_s: float = 60) -> AsyncIterator[Shelf]:
    reader, rooms = CountedReader(link), {ROOM.encode(), OTHER.encode()}
    history = History(reader, lambda: tail.position, most_bytes, kept_s)
    tail = Tail(
        link, rooms, lambda entries, _: history.follow(entries), lambda *_: history.clear(), lambda _: history.clear()
    )
    await tail.start()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(tail.run())
        yield Shelf(reader, tail, history, rooms)
        running.cancel()


async def _append(appender: Appender, count: int, room: str = ROOM, size: int = 10) -> list[Position]:
    entries = [NewEntry(room, "e", b'"%0*d"' % (size, number)) for number in range(count)]
    return [answer.position for answer in await asyncio.gather(*map(appender.append, entries))]


async def test_all_who_come_back_at_once_cost_one_read(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, FIRST_ENTRIES + 1)
        await shelf.at(positions[-1])
        found = await asyncio.gather(*(shelf.all_of(ROOM, position) for position in positions[:1] * 50))
        assert all([entry.position for entry in entries] == positions[1:] for entries in found)
        assert shelf.reader.reads <= 2  # the first learns the log's epoch
        later = await asyncio.gather(*(shelf.all_of(ROOM, position) for position in positions))
        assert [len(entries) for entries in later] == list(range(FIRST_ENTRIES, -1, -1))
        assert shelf.reader.reads <= 2


async def test_what_the_tail_brings_is_not_read_again(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        await shelf.all_of(ROOM, positions[0])
        reads = shelf.reader.reads
        positions += await _append(appender, 50)
        await _append(appender, 50, OTHER)
        await shelf.at(positions[-1])
        assert [entry.position for entry in await shelf.all_of(ROOM, positions[0])] == positions[1:]
        assert shelf.reader.reads == reads


async def test_what_the_tail_brings_during_a_read_is_neither_lost_nor_repeated(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        shelf.reader.pause.clear()
        reading = asyncio.create_task(shelf.all_of(ROOM, positions[0]))
        await eventually(lambda: shelf.reader.reads == 1)
        positions += await _append(appender, 20)
        await shelf.at(positions[-1])
        shelf.reader.pause.set()
        assert [entry.position for entry in await reading] == positions[1:]
        assert [entry.position for entry in await shelf.all_of(ROOM, positions[0])] == positions[1:]


async def test_what_the_tail_brings_behind_a_read_is_neither_lost_nor_repeated(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        reading, positions = await _with_an_answer_on_its_way(shelf, appender, positions)
        shelf.reader.hold.set()
        assert [entry.position for entry in await reading] == positions[1:]
        assert [entry.position for entry in await shelf.all_of(ROOM, positions[0])] == positions[1:]


async def test_a_room_that_the_tail_brings_no_longer_while_it_is_read_is_read_again(
    link: Link, appender: Appender
) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        shelf.rooms.discard(ROOM.encode())
        reading, positions = await _with_an_answer_on_its_way(shelf, appender, positions)
        shelf.history.drop(ROOM)
        shelf.rooms.add(ROOM.encode())
        shelf.reader.hold.set()
        assert [entry.position for entry in await reading] == positions[1:]


async def _with_an_answer_on_its_way(
    shelf: Shelf, appender: Appender, positions: list[Position]
) -> tuple[asyncio.Task[Sequence[Entry]], list[Position]]:
    """Somebody reads on from the first position; behind the read come more entries, and the tail is past them."""
    await shelf.all_of(OTHER, positions[0])  # so that the epoch is known
    shelf.reader.hold.clear()
    reads = shelf.reader.reads
    reading = asyncio.create_task(shelf.all_of(ROOM, positions[0]))
    await eventually(lambda: shelf.reader.reads > reads)
    await shelf.reader.position()  # over the same connection: the read before it is answered
    positions = positions + await _append(appender, 20)
    (other,) = await _append(appender, 1, OTHER)
    await shelf.at(other)
    return reading, positions


async def test_what_is_trimmed_behind_a_window_makes_no_hole_in_it(link: Link, appender: Appender) -> None:
    chat = "chat:c"
    async with _shelf(link) as shelf:
        shelf.rooms.add(chat.encode())
        positions = await _append(appender, 6, chat)
        await shelf.at(positions[-1])
        await shelf.all_of(chat, positions[0])
        positions += await _append(appender, 6, chat)
        await shelf.at(positions[-1])
        await Rooms(link, link.client()).trim(chat, positions[9])
        assert await shelf.history.page({chat: positions[5]}, shelf.tail.position) == Gap((chat,))
        assert await shelf.history.page({chat: positions[0]}, shelf.tail.position) == Gap((chat,))


async def test_a_room_that_the_tail_brings_no_longer_is_read_again(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        await shelf.all_of(ROOM, positions[0])
        shelf.rooms.discard(ROOM.encode())
        shelf.history.drop(ROOM)
        positions += await _append(appender, 5)
        (other,) = await _append(appender, 1, OTHER)
        await shelf.at(other)
        shelf.rooms.add(ROOM.encode())
        assert [entry.position for entry in await shelf.all_of(ROOM, positions[0])] == positions[1:]


async def test_who_goes_away_while_it_reads_for_others_does_not_take_them_along(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        shelf.reader.pause.clear()
        first = asyncio.create_task(shelf.all_of(ROOM, positions[0]))
        await eventually(lambda: shelf.reader.reads == 1)
        others = [asyncio.create_task(shelf.all_of(ROOM, positions[0])) for _ in range(3)]
        first.cancel()
        shelf.reader.pause.set()
        assert [len(entries) for entries in await asyncio.gather(*others)] == [4, 4, 4]


async def test_a_page_is_bounded_in_bytes(link: Link, appender: Appender) -> None:
    async with _shelf(link) as shelf:
        (start,) = await _append(appender, 1)
        positions = await _append(appender, 20, size=1 << 20)
        await shelf.at(positions[-1])
        page = await shelf.history.page({ROOM: start}, shelf.tail.position)
        assert isinstance(page, Page)
        assert 0 < sum(sizes_of(page.entries)) <= READ_BYTES
        assert page.upto == page.entries[-1].position
        assert [entry.position for entry in await shelf.all_of(ROOM, start)] == positions


@pytest.mark.parametrize("most_bytes", [0, 1, 20_000])
async def test_however_little_is_kept_everything_is_told(link: Link, appender: Appender, most_bytes: int) -> None:
    async with _shelf(link, most_bytes) as shelf:
        positions = await _append(appender, 300)
        others = await _append(appender, 300, OTHER)
        await shelf.at(others[-1])
        tellings = [shelf.all_of(room, at) for room in (ROOM, OTHER) for at in (positions[0], positions[150])]
        told = await asyncio.gather(*tellings)
        assert [len(entries) for entries in told] == [299, 149, 300, 300]
        assert shelf.history.size <= most_bytes


async def test_a_window_goes_after_its_time(link: Link, appender: Appender) -> None:
    async with _shelf(link, kept_s=0.05) as shelf:
        positions = await _append(appender, 5)
        await shelf.at(positions[-1])
        await shelf.all_of(ROOM, positions[0])
        await eventually(lambda: shelf.history.size == 0)


async def test_a_copy_that_was_left_out_is_noticed_though_the_room_was_just_read(
    link: Link, appender: Appender
) -> None:
    """The head of a chat moves past a copy that nobody was there for, and the tail never sees it."""
    chat = "chat:c"
    async with _shelf(link) as shelf:
        shelf.rooms.add(chat.encode())
        (first,) = await _append(appender, 1, chat)
        await shelf.at(first)
        assert await shelf.all_of(chat, first.previous) != []
        answer = await appender.append(NewEntry(ROOM, "e", b"{}", copy=Copy(chat, b'"shared":true')))
        await shelf.at(answer.position)
        assert await shelf.history.page({chat: first}, shelf.tail.position) == Gap((chat,))
