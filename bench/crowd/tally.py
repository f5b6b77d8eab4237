"""Counting one client's deliveries of one room by their sequence numbers."""

from __future__ import annotations


class Tally:
    """next: the sequence number that is due. repeated, disordered: deliveries that came again, behind a later one."""

    __slots__ = ("disordered", "missing", "next", "repeated")

    def __init__(self) -> None:
        self.next = 0
        self.missing: set[int] = set()
        self.repeated = 0
        self.disordered = 0

    def count(self, sequence: int) -> None:
        """Note a delivery."""
        if sequence == self.next:
            self.next = sequence + 1
        elif sequence > self.next:
            self.missing.update(range(self.next, sequence))
            self.next = sequence + 1
        elif sequence in self.missing:
            self.missing.discard(sequence)
            self.disordered += 1
        else:
            self.repeated += 1

    def lost(self, emitted: int) -> int:
        """How many of the first `emitted` events never came."""
        return len(self.missing) + max(0, emitted - self.next)
