"""What one room has to commit, as values. No I/O."""

from __future__ import annotations

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
