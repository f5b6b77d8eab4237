"""A window: consecutive entries of one room, from which every reader who stands within them is answered. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from streams.entry import Entry, Position
from streams.replay import RoomRead, is_whole
from streams.strides import sizes_of, within

ENTRY_BYTES = 500
"""What an entry takes besides its payload, about."""

SLICES = 8
"""Answers that are kept, so that readers who stand at one place share one object."""

_place = attrgetter("position")


class Window:
    """Everything that the room had after `base` and up to `upto`, when it was read, and what the tail brought since.

    head: the room's newest entry before the read. followed: the tail hands over what follows; it ends where that does.
    """

    def __init__(self, read: RoomRead, upto: Position, followed: bool) -> None:
        self.base = read.start
        self.entries = list(read.entries)
        self.head = read.head
        self.upto = self.last if read.more else max(upto, self.last)
        self.followed = followed and not read.more
        self.size = _weight(self.entries)
        self._slices: dict[tuple[int, int], tuple[Entry, ...]] = {}

    @property
    def last(self) -> Position:
        """The newest entry that is in it, or where it begins."""
        return self.entries[-1].position if self.entries else self.base

    def holds(self, start: Position) -> bool:
        """Whether it has what follows `start`, as far as it goes."""
        return self.base <= start <= self.upto

    def answer(self, start: Position, until: Position, most: int, most_bytes: int) -> RoomRead | None:
        """What a read after `start` would bring. None when the window cannot tell, or has come to its end."""
        if not self.holds(start):
            return None
        begin = bisect_right(self.entries, start, key=_place)
        entries = self._slice(begin, min(begin + most, len(self.entries)), most_bytes)
        more = begin + len(entries) < len(self.entries) or self.upto < until
        return RoomRead(start, self.head, entries, more) if entries or not more else None

    def _slice(self, begin: int, end: int, most_bytes: int) -> Sequence[Entry]:
        found = self._slices.get((begin, end))
        if found is None:
            entries = self.entries[begin:end]
            if self.size > most_bytes:
                entries = entries[: within(sizes_of(entries), most_bytes)]
            found = tuple(entries)
            if len(self._slices) >= SLICES:
                self._slices.clear()
            self._slices[begin, end] = found
        return found

    def continues(self, read: RoomRead) -> bool:
        """Whether nothing is missing between the window and a read that began at `last`."""
        return read.start == self.last and is_whole(read)

    def extend(self, read: RoomRead, upto: Position, followed: bool) -> None:
        """Go on with a read that continues it."""
        self.head = read.head
        self._add(read.entries)
        self.upto = self.last if read.more else max(upto, self.last)
        self.followed = followed and not read.more

    def follow(self, entry: Entry) -> bool:
        """Go on with the tail's next entry. False when it is not the next."""
        if entry.position > self.last:
            if entry.prev > self.last:
                return False
            self._add((entry,))
            self.head = max(self.head, entry.position)
            self.upto = max(self.upto, entry.position)
        return True

    def _add(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._slices.clear()
            self.entries += entries
            self.size += _weight(entries)


def _weight(entries: Sequence[Entry]) -> int:
    return sum(sizes_of(entries)) + len(entries) * ENTRY_BYTES
