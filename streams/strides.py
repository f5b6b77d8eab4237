"""How many entries a read may ask a room for, so that what comes is bounded in bytes. No I/O.

A stream is read by number. So a read of a room that is not known begins small; from what came follows how many the
next one may ask for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from streams.entry import Entry

READ_BYTES = 4 << 20
"""Payload of one read, over all its rooms, that a read aims at; and what a page has at most, but for one entry."""

FIRST_ENTRIES = 100
"""Of a room of which nothing is known."""

GROWTH = 8
ROOMS = 10_000  # of which a stride is remembered


def size_of(entry: Entry) -> int:
    """Bytes of its payload."""
    return len(entry.data) + len(entry.binary)


class Strides:
    """Remembers the largest entry that the last read of a room brought."""

    def __init__(self) -> None:
        self._most: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def of(self, room: str, most: int, share_bytes: int) -> int:
        """Entries to ask for: `most` at most, and about `share_bytes`."""
        entries, largest = self._most.get(room, (FIRST_ENTRIES, 0))
        if largest:
            entries = min(entries, max(share_bytes // largest, 1))
        return min(most, entries)

    def took(self, room: str, entries: Sequence[Entry]) -> None:
        """Note what a read brought."""
        if entries:
            self._most[room] = (max(len(entries), FIRST_ENTRIES) * GROWTH, max(map(size_of, entries)) or 1)
            self._most.move_to_end(room)
            if len(self._most) > ROOMS:
                self._most.popitem(last=False)


def within(entries: Sequence[Entry], most_bytes: int) -> int:
    """How many of the first entries have `most_bytes` together; one at least."""
    left = most_bytes
    for number, entry in enumerate(entries):
        left -= size_of(entry)
        if left < 0:
            return max(number, 1)
    return len(entries)
