"""Positions and entries: the values that every other part of Roomlog passes around."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar, NamedTuple

_UINT64 = 2**64


class _Id(NamedTuple):
    ms: int
    seq: int


class Position(_Id):
    """A Redis stream ID `ms-seq`: unique and totally ordered over all rooms of a shard.

    `ms` is Unix time in milliseconds by the shard's clock, which never goes back. A tuple, because positions are
    compared for every delivery, and tuples compare in C.
    """

    __slots__ = ()

    ZERO: ClassVar[Position]

    @classmethod
    def parse(cls, text: str | bytes) -> Position:
        """Read `ms-seq`, both unsigned 64-bit. Raises ValueError on anything else."""
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
        ms, _, seq = raw.partition(b"-")
        if not (ms.isdigit() and seq.isdigit() and len(ms) <= 20 and len(seq) <= 20):
            raise ValueError(f"not a position: {text[:50]!r}; expected ms-seq, such as 1763700000000-0")
        found = cls(int(ms), int(seq))
        if found.ms >= _UINT64 or found.seq >= _UINT64:
            raise ValueError(f"not a position: {text!r} is above 64 bits")
        return found

    @classmethod
    def read(cls, raw: bytes) -> Position:
        """Read `ms-seq` as the server wrote it, unchecked: `parse` costs twice as much, and replays read thousands."""
        return tuple.__new__(cls, map(int, raw.split(b"-")))

    @property
    def next(self) -> Position:
        """The lowest position above this one."""
        return Position(self.ms, self.seq + 1)

    @property
    def previous(self) -> Position:
        """The highest position below this one."""
        return Position(self.ms, self.seq - 1) if self.seq else Position(self.ms - 1, _UINT64 - 1)

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


Position.ZERO = Position(0, 0)


class Entry(NamedTuple):
    """One appended event as a reader gets it. A tuple, because a node makes thousands of them a second.

    position: where it stands in the shard's one order.
    room: the room it was appended to.
    event: the Socket.IO event name.
    data: the event's one argument as JSON bytes, exactly as the producer made them.
    prev: the position of the room's entry before this one. A reader that stands at P and is handed an entry with
        `prev > P` has missed something: this is how every gap is found (docs/decisions/0003).
    skip: the session id, or `user:{id}` for all sessions of a user, that must not receive it, or "".
    quiet: True for an entry that only the fold reads (a dead letter that was driven again).
    binary: the one attachment that `data` has a placeholder for, or b"".
    epoch: of a document's history, when the entry changes it; binary is the update then. Else "".
    reset: True for the first entry of a history: binary is the document's whole state.
    """

    position: Position
    room: str
    event: str
    data: bytes
    prev: Position
    skip: str = ""
    quiet: bool = False
    binary: bytes = b""
    epoch: str = ""
    reset: bool = False


RESET = "!"
"""Stands before the epoch, in the stream, of an entry that begins a history."""


@lru_cache(maxsize=1000)
def change_of(raw: bytes) -> tuple[str, bool]:
    """(epoch, reset) from the stream's field `c`."""
    text = raw.decode()
    return text.removeprefix(RESET), text.startswith(RESET)
