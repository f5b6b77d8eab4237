"""State vectors: how much of every client's work somebody has."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from archive.yjs.cursor import Cursor, write_uint
from archive.yjs.errors import Malformed
from archive.yjs.limits import LIMITS, Limits
from archive.yjs.reader import Span, Update


@dataclass(frozen=True, slots=True)
class Vector:
    """clocks: of each client, the number of clocks that are there, from 0 on without a hole. Never 0."""

    clocks: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all(self.clocks.values()):
            object.__setattr__(self, "clocks", {client: clock for client, clock in self.clocks.items() if clock})

    def clock(self, client: int) -> int:
        """The first clock of a client that is not there."""
        return self.clocks.get(client, 0)

    def covers(self, other: Vector) -> bool:
        """Whoever has this has all of the other."""
        return all(self.clock(client) >= clock for client, clock in other.clocks.items())

    def advanced(self, spans: Iterable[Span]) -> Vector:
        """With the spans added, in their order. One that starts past its client's clock adds nothing."""
        clocks = dict(self.clocks)
        for client, start, end in spans:
            if start <= clocks.get(client, 0) < end:
                clocks[client] = end
        return Vector(clocks)

    def encoded(self) -> bytes:
        """As Yjs writes it (v1): the number of clients, then client and clock, higher ids first."""
        numbers = [len(self.clocks)]
        for client, clock in sorted(self.clocks.items(), reverse=True):
            numbers += (client, clock)
        return b"".join(map(write_uint, numbers))


EMPTY = Vector()


def decode_vector(data: bytes, limits: Limits = LIMITS) -> Vector:
    """The vector that Yjs wrote. Raises Malformed or OverLimit (clients)."""
    cursor = Cursor(data)
    clocks: dict[int, int] = {}
    try:
        clients = cursor.count(2)
        limits.check("clients", clients)
        for _ in range(clients):
            client = cursor.client()
            if client in clocks:
                raise Malformed("a client comes twice")
            clocks[client] = cursor.clock()
    except IndexError as fault:
        raise Malformed("it ends too early") from fault
    cursor.end()
    return Vector(clocks)


def vector_of(update: Update) -> Vector:
    """What somebody has who has this update alone."""
    return EMPTY.advanced(update.spans)


def nothing_new(update: Update, vector: Vector, deletes: Iterable[Span]) -> bool:
    """Somebody who has all of `vector`, and of whose structs `deletes` are deleted, learns nothing from the update."""
    if any(end > vector.clock(client) for client, _, end in update.spans):
        return False
    return not update.deletes or SpanSet(deletes).cover(update.deletes)


class SpanSet:
    """A set of clocks, by client."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._runs: dict[int, list[tuple[int, int]]] = {}
        for client, start, end in sorted(spans):
            runs = self._runs.setdefault(client, [])
            if runs and start <= runs[-1][1]:
                runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
            else:
                runs.append((start, end))

    def cover(self, spans: Iterable[Span]) -> bool:
        """Every clock of the spans is in the set."""
        return all(self._covers(span) for span in spans)

    def _covers(self, span: Span) -> bool:
        runs = self._runs.get(span.client, [])
        index = bisect_right(runs, span.start, key=itemgetter(0)) - 1
        return index >= 0 and span.end <= runs[index][1]
