"""The sweep's look at documents: those that were forgotten are due again, and what is folded is trimmed."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from archive import Archive
from streams.documents import DocumentLog
from streams.entry import Position
from streams.keys import document_of
from streams.rooms import RoomHead, Rooms
from workers.config import WorkerConfig
from workers.trimmer import END, TRIM_ENTRIES, Trimmer

log = logging.getLogger("roomlog.sweeper")

READ_BYTES = 4 << 20
"""Of what is dropped, in one step: it is read first, to know where it ends."""

ENTRY_BYTES = 200
"""What an entry takes besides its update: its JSON, names and positions, about."""


class DocumentSweep:
    """What was kept of documents that wait may be lost with a server's memory: SQL and the heads tell."""

    def __init__(
        self, documents: DocumentLog, rooms: Rooms, archive: Archive, trimmer: Trimmer, config: WorkerConfig
    ) -> None:
        self._documents = documents
        self._rooms = rooms
        self._archive = archive
        self._trimmer = trimmer
        self._config = config

    async def sweep(self, heads: Sequence[RoomHead]) -> None:
        """One slice of the documents' rooms. Raises LogUnavailable or ArchiveError."""
        if not heads:
            return
        known = await self._archive.documents.positions([document_of(head.room) for head in heads])
        folded = {head.room: known.stored[document_of(head.room)] for head in heads}
        for room in [room for room in folded if document_of(room) in known.deleted]:
            await self._documents.remove(room)
            folded[room] = END
        behind = [head.room for head in heads if head.head > folded[head.room]]
        for room in set(behind) - await self._documents.waiting(behind):
            if await self._documents.make_due(room):
                log.warning("%(room)s had unfolded updates and was not due", {"room": room})
        await self._trimmer.trim(folded)
        for room, size in (await self._rooms.sizes(list(folded))).items():
            await self._shed(room, size - self._config.document_keep_bytes, folded[room])

    async def _shed(self, room: str, excess_bytes: int, folded: Position) -> None:
        """Drop the oldest of what is folded: who missed it gets the difference of the states instead."""
        while excess_bytes > 0:
            size = min(excess_bytes, READ_BYTES)
            oldest = await self._documents.read(room, Position.ZERO, TRIM_ENTRIES, size)
            done = [piece for piece in oldest if piece.position <= folded]
            if not done:
                return
            last = done[-1].position
            await self._rooms.trim(room, Position(last.ms, last.seq + 1))
            excess_bytes -= sum(len(piece.binary) + ENTRY_BYTES for piece in done)
