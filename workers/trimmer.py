"""What the sweep trims: entries that are folded and past the retention, or too many."""

from __future__ import annotations

import time
from collections.abc import Mapping

from streams.entry import Position
from streams.rooms import Rooms
from workers.config import WorkerConfig

TRIM_ENTRIES = 1000
"""Entries that one trim by length drops: they are read first, to know where it ends."""

END = Position(2**63, 0)
"""Above every position: what is never folded may be trimmed anywhere."""


class Trimmer:
    """Two may trim at once: trims go by what SQL says is folded."""

    def __init__(self, rooms: Rooms, config: WorkerConfig) -> None:
        self._rooms = rooms
        self._config = config

    async def trim(self, folded: Mapping[str, Position]) -> None:
        """folded: rooms, each with the position that SQL has it up to. Raises LogUnavailable."""
        for room, length in (await self._rooms.lengths(list(folded))).items():
            await self._trim(room, length, folded[room])

    async def _trim(self, room: str, length: int, folded: Position) -> None:
        """Drop what is folded and past the retention; above `room_keep`, what is folded."""
        above = Position(folded.ms, folded.seq + 1)
        expired = Position(max(int((time.time() - self._config.retention_s) * 1000), 0), 0)
        length -= await self._rooms.trim(room, min(above, expired))
        while length > self._config.room_keep:
            keep_from = await self._rooms.nth(room, min(length - self._config.room_keep, TRIM_ENTRIES))
            dropped = await self._rooms.trim(room, min(above, keep_from)) if keep_from else 0
            if not dropped:
                return
            length -= dropped
