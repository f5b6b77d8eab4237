"""Reading what is stored together with the tail of its log that is not folded yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from archive.fold import sift
from archive.patches import Changes
from streams.entry import Entry, Position
from streams.replay import Gap, Reader

READS = 3

T = TypeVar("T")


class ChatBusy(Exception):
    """The log was trimmed between the two halves of every read that was tried. Try again."""


@dataclass(frozen=True, slots=True)
class Unfolded(Generic[T]):
    """stored: what SQL had. entries: all of the room behind it. position: what both together are complete up to."""

    stored: T
    entries: list[Entry]
    position: Position


async def read_unfolded(reader: Reader, room: str, read: Callable[[], Awaitable[tuple[Position, T]]]) -> Unfolded[T]:
    """What is stored, and the rest. read: returns it with the position that `room` is folded up to.

    Raises what `read` raises, LogUnavailable, ChatBusy.
    """
    for _ in range(READS):
        folded, stored = await read()
        tail = await reader.tail_of(room, folded)
        if not isinstance(tail, Gap):
            position, entries = tail
            return Unfolded(stored, entries, position)
    raise ChatBusy(f"{room} could not be read in one piece")


def changes_after(entries: Iterable[Entry], position: Position = Position.ZERO) -> Changes:
    """What the entries behind a position change; poison is passed over, as the worker does."""
    return sift(entry for entry in entries if entry.position > position).changes
