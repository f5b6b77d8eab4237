"""What is to be stored for a room."""

from __future__ import annotations

from dataclasses import dataclass

from archive.patches import Changes
from streams.entry import Position


@dataclass(frozen=True, slots=True)
class RoomFold:
    """What to store for one room: its changes, and where the stored position stands before and after.

    before: what the changes were folded from; a room without a row stands at Position.ZERO.
    """

    room: str
    before: Position
    after: Position
    changes: Changes

    def __post_init__(self) -> None:
        if self.after < self.before:
            raise ValueError(f"{self.room} would go back from {self.before} to {self.after}")
