"""What one update may hold."""

from __future__ import annotations

from dataclasses import dataclass

from archive.yjs.errors import OverLimit

NO_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True)
class Limits:
    """What one update may hold; more raises OverLimit with the field's name.

    bytes: its size. structs: items, tombstones and gaps. deletes: ranges of its delete set.
    clients: writers that it names in its delete set or as authors of structs; a fold touches each.
    values: JSON-like values, those inside others included. One byte makes one, and it is held as 24 in memory.
    depth: levels of such values; a recursive decoder dies of tens of thousands.
    nesting: types inside types, as far as one update shows it. Three or four make a level of a nested list, so it is
    more than `depth`; what deletes a type is recursive too, and dies of tens of thousands.
    """

    bytes: int = 1_000_000
    structs: int = 10_000
    deletes: int = 10_000
    clients: int = 10_000
    values: int = 50_000
    depth: int = 32
    nesting: int = 256

    def check(self, name: str, count: int) -> None:
        """Raises OverLimit if `count` of what `name` limits is too much."""
        most: int = getattr(self, name)
        if count > most:
            raise OverLimit(name, most)


LIMITS = Limits()
"""For what a client sends."""

OURS = Limits(bytes=NO_LIMIT, structs=NO_LIMIT, deletes=NO_LIMIT, clients=NO_LIMIT, values=NO_LIMIT, nesting=4_096)
"""For what was made of updates that were within LIMITS, each."""
