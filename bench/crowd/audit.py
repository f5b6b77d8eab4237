"""What clients have, held against what was emitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bench.crowd.tally import Tally


class Owed(Protocol):
    """A client, as far as it is audited. owed: numbers of its rooms."""

    owed: Sequence[int]
    rooms: dict[bytes, Tally]

    def tally(self, room: int) -> Tally:
        """What came of a room."""


def faults(clients: Sequence[Owed], emitted: Mapping[str, int]) -> dict[str, int]:
    """What must be zero. emitted: events of every room so far, by its number as text (JSON's keys)."""
    tallies = [tally for client in clients for tally in client.rooms.values()]
    return {
        "lost": sum(client.tally(room).lost(emitted.get(str(room), 0)) for client in clients for room in client.owed),
        "repeated": sum(tally.repeated for tally in tallies),
        "disordered": sum(tally.disordered for tally in tallies),
    }


def has_all(client: Owed, emitted: Mapping[str, int]) -> bool:
    """Whether the last event of each of its rooms came."""
    return all(client.tally(room).next >= emitted.get(str(room), 0) for room in client.owed)
