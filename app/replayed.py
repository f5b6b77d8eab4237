"""What a page of history is for most of its readers, worked out once: who comes back together shares it. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.documents.joining import joined_updates
from app.joining import joined
from streams.entry import Entry

KEPT = 16


@dataclass(frozen=True, slots=True)
class Replayed:
    """events: joined, for every reader whom no entry skips. skipped: sessions and users whom some do.

    page: kept, so that its identity is not another's.
    """

    page: Sequence[Entry]
    events: Sequence[Entry]
    skipped: frozenset[str]


def as_replayed(owed: Iterable[Entry]) -> list[Entry]:
    """What a reader is handed of what it is owed: deltas and updates that stand next to each other are one event."""
    return list(joined(joined_updates(owed)))


class Replays:
    """Knows the last pages by their identity: `History` gives readers who stand at one place the same object."""

    def __init__(self) -> None:
        self._of: OrderedDict[int, Replayed] = OrderedDict()

    def of(self, page: tuple[Entry, ...]) -> Replayed:
        known = self._of.get(id(page))
        if known is None:
            events = as_replayed(entry for entry in page if not entry.quiet)
            known = Replayed(page, events, frozenset(entry.skip for entry in page if entry.skip))
            self._of[id(page)] = known
            if len(self._of) > KEPT:
                self._of.popitem(last=False)
        return known
