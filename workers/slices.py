"""What one room has to commit, as values. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.entry import Entry, Position


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of a room's entries, in order, that follows what is stored. before: where SQL stands. Never empty."""

    room: str
    before: Position
    entries: tuple[Entry, ...]

    @property
    def after(self) -> Position:
        return self.entries[-1].position

    @property
    def torn(self) -> bool:
        """Whether something is missing between what is stored and the first entry."""
        return self.entries[0].prev > self.before

    def halves(self) -> tuple[Slice, Slice]:
        """The slice in two, of at least two entries; the second follows the first."""
        middle = len(self.entries) // 2
        first = Slice(self.room, self.before, self.entries[:middle])
        return first, Slice(self.room, first.after, self.entries[middle:])


def unfolded(room: str, entries: Iterable[Entry], stored: Position) -> Slice | None:
    """The entries above what is stored, each once and in order; None when there are none.

    What is at or below it was committed by a worker that died before it acknowledged. Entries come twice when they
    are pending and were handed out again after a rewind.
    """
    fresh = {entry.position: entry for entry in entries if entry.position > stored}
    if not fresh:
        return None
    return Slice(room, stored, tuple(fresh[position] for position in sorted(fresh)))
