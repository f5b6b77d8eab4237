"""Reading documents: what SQL has, and the updates behind it in the log; and opening them in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.documents.sync import Has
from app.unfolded import ChatBusy, read_unfolded
from archive.documents import StoredDocument
from archive.notes import NOTE_ROOM
from archive.store import Archive
from archive.yjs.errors import Malformed, OverLimit, Unmergeable
from archive.yjs.limits import OURS
from archive.yjs.merging import NOTHING, diff
from archive.yjs.reader import Span, read
from archive.yjs.vector import Vector, decode_vector, vector_of
from streams.document_change import FIRST_EPOCH
from streams.documents import DocumentLog, Opened, Opening
from streams.entry import Entry, Position
from streams.replay import Gap, Reader

OPENINGS = 5
"""How often a document is read to open it, while it is being written."""

TAIL_ENTRIES = 2_000
TAIL_BYTES = 1 << 20
"""Updates that a client may have missed to be sent those; who missed more gets the difference of the states."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document at one moment. position: of the shard, that it is complete up to. stored: the position of SQL."""

    has: Has
    position: Position
    stored: Position


class Snapshots:
    """Reads. All raise LogUnavailable, ArchiveUnavailable, ChatBusy."""

    def __init__(self, archive: Archive, reader: Reader, log: DocumentLog) -> None:
        self._archive = archive.documents
        self._reader = reader
        self._log = log

    async def read(self, note_id: str) -> Snapshot:
        """The document, empty where there is none."""

        async def stored() -> tuple[Position, tuple[Position, Has]]:
            found = await self._archive.stored(NOTE_ROOM + note_id)
            if found is None:
                return Position.ZERO, (Position.ZERO, Has(FIRST_EPOCH, NOTHING))
            return found.position, (found.position, _stored(found))

        found = await read_unfolded(self._reader, _room(note_id), stored)
        folded, has = found.stored
        return Snapshot(laid_over(has, found.entries), found.position, folded)

    async def head(self, note_id: str) -> Position:
        """The newest position of the document's room."""
        return await self._reader.head(_room(note_id))

    async def deletes(self, note_id: str, vector: Vector) -> tuple[Span, ...]:
        """What is deleted in the document. vector: what the log has of it: the difference is little more than that.

        Nothing is known of one that cannot be read before the fold has thrown out what is wrong with it.
        """
        has = (await self.read(note_id)).has
        try:
            return await asyncio.to_thread(lambda: read(diff(has.merged(), vector), OURS).deletes)
        except (Unmergeable, Malformed, OverLimit):
            return ()

    async def opened(self, note_id: str) -> Opened:
        """What the log has of the document, which is open then."""
        for _ in range(OPENINGS):
            known = await self._log.vector(_room(note_id))
            if known is not None:
                return known
            head = await self._reader.head(_room(note_id))
            snapshot = await self.read(note_id)
            opening = await asyncio.to_thread(_opening, snapshot, head)
            await self._log.open(_room(note_id), opening)
        raise ChatBusy(f"{_room(note_id)} could not be read in one piece")

    async def since(self, note_id: str, position: Position, epoch: str) -> tuple[Position, list[bytes]] | None:
        """The updates after a position that a client has all of, and the position that they are complete up to.

        None when the log cannot tell, has begun another history since, or holds more than is worth sending.
        """
        room, until = _room(note_id), await self._reader.position()
        updates: list[bytes] = []
        if position > until:
            return None  # nobody gave this position out
        while True:
            page = await self._reader.page({room: position}, until)
            if isinstance(page, Gap):
                return None
            if any(entry.reset or entry.epoch not in ("", epoch) for entry in page.entries):
                return None
            updates += [entry.binary for entry in page.entries if entry.epoch and entry.position > position]
            if len(updates) > TAIL_ENTRIES or sum(map(len, updates)) > TAIL_BYTES:
                return None
            if page.upto >= until:
                return until, updates
            position = max(position, page.upto)


def laid_over(has: Has, entries: Iterable[Entry]) -> Has:
    """What is stored, and the entries behind it. A reset begins the document anew."""
    tail = list(has.tail)
    for entry in entries:
        if entry.reset:
            has, tail = Has(entry.epoch, entry.binary), []
        elif entry.epoch == has.epoch:
            tail.append(entry.binary)
    return replace(has, tail=tuple(tail))


def _stored(found: StoredDocument) -> Has:
    return Has(found.epoch, found.state, vector=decode_vector(found.vector, OURS))


def _opening(snapshot: Snapshot, head: Position) -> Opening:
    has = snapshot.has
    sizes = list(map(len, has.tail))
    vector = has.vector if has.vector is not None else vector_of(read(has.state, OURS))
    for update in has.tail:
        vector = vector.advanced(read(update, OURS).spans)
    return Opening(has.epoch, vector.clocks, head, snapshot.stored, len(has.state), len(sizes), sum(sizes))


def _room(note_id: str) -> str:
    return f"doc_note:{note_id}"
