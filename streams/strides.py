"""How many entries a read may ask a room for, so that what comes is bounded in bytes. No I/O.

A stream is read by number. So a read of a room that is not known begins small; from what came follows how many the
next one may ask for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from streams.entry import Entry

READ_BYTES = 4 << 20
"""Payload of one read, over all its rooms, that a read aims at; and what a page has at most, but for one entry."""

FIRST_ENTRIES = 100
"""Of a room of which nothing is known."""

GROWTH = 8
ROOMS = 10_000  # of which a stride is remembered


def sizes_of(entries: Iterable[Entry]) -> list[int]:
    """Bytes of each entry's payload."""
    return [len(entry.data) + len(entry.binary) for entry in entries]


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

    def took(self, room: str, sizes: Sequence[int]) -> None:
        """Note of what sizes the entries were that a read brought."""
        if sizes:
            self._most[room] = (max(len(sizes), FIRST_ENTRIES) * GROWTH, max(sizes) or 1)
            self._most.move_to_end(room)
            if len(self._most) > ROOMS:
                self._most.popitem(last=False)


def within(sizes: Sequence[int], most_bytes: int) -> int:
    """How many of the first entries have `most_bytes` together; one at least."""
    if sum(sizes) <= most_bytes:
        return len(sizes)
    fitting = sum(1 for so_far in accumulate(sizes) if so_far <= most_bytes)
    return max(fitting, 1)
