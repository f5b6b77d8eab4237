"""The recent history of rooms in this process: one read of a room serves all who come back to it at about one time.

What is answered from here is what the log answered a moment ago, judged as `Reader.page` judges it: by the epoch, the
floor, and every entry's predecessor. Only the past is kept, and the past does not change: what can change meanwhile is
that the log loses some of it, and whoever asks a moment later learns that.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from streams.entry import Entry, Position
from streams.errors import LogUnavailable
from streams.keys import is_folded
from streams.replay import LEAST_ENTRIES, PAGE_ENTRIES, Gap, Page, Reader, RoomRead, after, merge, torn, vouched
from streams.strides import READ_BYTES
from streams.window import Window


@dataclass(slots=True)
class _Reading:
    """A read of a room that is under way. late: what the tail brought meanwhile; followed: it brings all there is."""

    done: asyncio.Future[None]
    followed: bool
    late: list[Entry] = field(default_factory=list)


class History:
    """Pages as `Reader.page` makes them. Cancel-safe; raises LogUnavailable.

    position: where the tail stands. most_bytes: of all windows together; 0: every page is read. kept_s: how long a
    window lives.
    """

    def __init__(self, reader: Reader, position: Callable[[], Position], most_bytes: int, kept_s: float) -> None:
        self._reader = reader
        self._position = position
        self._most_bytes = most_bytes
        self._kept_s = kept_s
        self._windows: OrderedDict[str, Window] = OrderedDict()
        self._reading: dict[str, _Reading] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self._epoch = Position.ZERO
        self.size = 0
        """Bytes of all windows, about."""

    async def page(
        self, starts: Mapping[str, Position], until: Position, *, spared: Collection[str] = ()
    ) -> Page | Gap:
        """The next entries of the rooms, each after its own start, up to `until`. See `Reader.page`."""
        if not self._most_bytes or not starts:
            return await self._reader.page(starts, until, spared=spared)
        rooms = vouched(await self._reads(starts, until), self._epoch, spared)
        return rooms if isinstance(rooms, Gap) else merge(rooms, until)

    async def gap(self, starts: Mapping[str, Position], *, spared: Collection[str] = ()) -> Gap | None:
        """Where the log cannot vouch for what follows these starts."""
        until = max(starts.values(), default=Position.ZERO)
        if not self._most_bytes or not starts:
            page = await self._reader.page(starts, until, limit=1, spared=spared)
            return page if isinstance(page, Gap) else None
        rooms = vouched(await self._reads(starts, until), self._epoch, spared)
        return rooms if isinstance(rooms, Gap) else torn(rooms)

    # what the tail tells

    def follow(self, entries: Iterable[Entry]) -> None:
        """The tail's next entries, of all rooms that somebody here is in."""
        if not self._windows and not self._reading:
            return
        for entry in entries:
            if (reading := self._reading.get(entry.room)) is not None:
                reading.late.append(entry)
            self._grow(entry)
        self._shrink()

    def drop(self, room: str) -> None:
        """The tail brings this room's entries no longer."""
        if (reading := self._reading.get(room)) is not None:
            reading.followed = False
        self._forget(room)

    def clear(self) -> None:
        """The tail skipped something, or the log began anew."""
        for room in [*self._windows, *self._reading]:
            self.drop(room)

    def _grow(self, entry: Entry) -> None:
        """Put an entry that the tail brought into its room's window, if that is followed."""
        window = self._windows.get(entry.room)
        if window is not None and window.followed:
            before = window.size
            if window.follow(entry):
                self.size += window.size - before
            else:
                self._forget(entry.room)

    # reading

    async def _reads(self, starts: Mapping[str, Position], until: Position) -> dict[str, RoomRead]:
        """What follows each start, all of it as one epoch has it, which is `_epoch` when this returns."""
        found: dict[str, RoomRead] = {}
        epoch = self._epoch
        while True:
            if epoch != self._epoch:
                epoch, found = self._epoch, {}
            for room in starts.keys() - found.keys():
                if (read := self._answer(room, starts[room], until, len(starts))) is not None:
                    found[room] = read
            missing = {room: start for room, start in starts.items() if room not in found}
            if not missing:
                return found
            free = {room: start for room, start in missing.items() if room not in self._reading}
            if free:
                found |= await self._read(free, until, len(starts))
            else:
                await self._others(missing)

    def _answer(self, room: str, start: Position, until: Position, rooms: int) -> RoomRead | None:
        """What a read of this room, one of so many, would bring. None when its window cannot tell."""
        window = self._windows.get(room)
        if window is None:
            return None
        if window.followed:
            window.upto = max(window.upto, self._position())
        self._windows.move_to_end(room)
        return window.answer(start, until, max(PAGE_ENTRIES // rooms, LEAST_ENTRIES), READ_BYTES // rooms)

    def _edge(self, room: str, start: Position) -> Position:
        """Where a read has to begin for one who stands at `start`: at the end of the window in which that is."""
        window = self._windows.get(room)
        return window.last if window is not None and window.holds(start) else start

    async def _others(self, rooms: Iterable[str]) -> None:
        """Wait for reads of these rooms that somebody else makes. Raises what one of them raised."""
        waiting = {self._reading[room].done for room in rooms}
        await asyncio.wait(waiting)
        for done in waiting:
            done.result()

    async def _read(self, starts: Mapping[str, Position], until: Position, rooms: int) -> dict[str, RoomRead]:
        """Read what the windows of these rooms lack, for all who want it. Returns what follows the starts."""
        done = asyncio.get_running_loop().create_future()
        readings = {room: _Reading(done, is_folded(room)) for room in starts}
        self._reading |= readings
        upto = max(until, self._position())
        try:
            reads = await self._reader.read({room: self._edge(room, start) for room, start in starts.items()})
        except LogUnavailable as fault:
            done.set_exception(fault)
            done.exception()  # it is raised here: nobody else need be there to see it
            raise
        finally:
            for room in starts:
                del self._reading[room]
            if not done.done():
                done.set_result(None)
        if reads.epoch != self._epoch:
            self.clear()
            self._epoch = reads.epoch
            return {}
        for room, read in reads.rooms.items():
            self._keep(room, after(read, starts[room]), read, upto, readings[room])
        found = {room: answer for room in starts if (answer := self._answer(room, starts[room], until, rooms))}
        self._shrink()
        return found

    def _keep(self, room: str, owed: RoomRead, read: RoomRead, upto: Position, reading: _Reading) -> None:
        """Put a read behind the window that it continues, or make one of what is owed of it."""
        window = self._windows.get(room)
        if window is not None and window.holds(owed.start) and window.continues(read):
            before = window.size
            window.extend(read, upto, reading.followed)
            self.size += window.size - before
        else:
            self._begin(room, owed, upto, reading.followed)
        for entry in reading.late:
            self._grow(entry)

    def _begin(self, room: str, read: RoomRead, upto: Position, followed: bool) -> None:
        self._forget(room)
        if read.more and not read.entries:
            return  # it began before where it is owed from, and did not come so far
        window = self._windows[room] = Window(read, upto, followed)
        self.size += window.size
        self._ends[room] = asyncio.get_running_loop().call_later(self._kept_s, self._forget, room)

    def _forget(self, room: str) -> None:
        window = self._windows.pop(room, None)
        if window is not None:
            self.size -= window.size
            self._ends.pop(room).cancel()

    def _shrink(self) -> None:
        while self.size > self._most_bytes:
            self._forget(next(iter(self._windows)))
