"""What one fold of a document takes up: its entries behind what is stored, in bounded reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.documents import DocumentLog, Piece
from streams.entry import Position

READ_ENTRIES = 1_000
READ_BYTES = 1 << 20
"""Of one read: bounds how long it holds the log's server."""


@dataclass(frozen=True, slots=True)
class Round:
    """pieces: in order, of one history. more: the room had more."""

    pieces: tuple[Piece, ...]
    more: bool

    @property
    def changes(self) -> list[Piece]:
        """Those that change the document."""
        return [piece for piece in self.pieces if piece.epoch]

    @property
    def update_bytes(self) -> int:
        return sum(len(piece.binary) for piece in self.changes)

    def cut(self, changes: int) -> Round:
        """As far as so many of the changes go, with what stands before the next one."""
        if changes == len(self.changes):
            return self
        end = self.changes[changes].position
        return Round(tuple(piece for piece in self.pieces if piece.position < end), more=True)


def one_history(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces up to where another history begins: what was before it becomes a version of its own."""
    epochs = ""
    for index, piece in enumerate(pieces):
        if piece.epoch and epochs and (piece.reset or piece.epoch != epochs):
            return pieces[:index]
        epochs = epochs or piece.epoch
    return pieces


async def read_round(documents: DocumentLog, room: str, after: Position, count: int, size_bytes: int) -> Round:
    """At most `count` entries, and none behind the one that fills `size_bytes`. Raises LogUnavailable."""
    pieces: list[Piece] = []
    while len(pieces) < count and size_bytes > 0:
        page = await documents.read(room, after, min(READ_ENTRIES, count - len(pieces)), min(size_bytes, READ_BYTES))
        if not page:
            break
        pieces += page
        size_bytes -= sum(len(piece.binary) for piece in page)
        after = page[-1].position
    else:
        return _round(pieces, more=True)
    return _round(pieces, more=False)


def _round(pieces: Sequence[Piece], *, more: bool) -> Round:
    taken = one_history(pieces)
    return Round(tuple(taken), more or len(taken) < len(pieces))
