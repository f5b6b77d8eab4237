"""Reading notes, without their documents: what is stored, with the not yet folded tail laid over it."""

from __future__ import annotations

from typing import Any

from app.unfolded import READS, ChatBusy, changes_after, read_unfolded
from archive.notes import NOTE_MARKS, NOTE_ROOM, StoredNote
from archive.store import Archive
from archive.tables import patched_rows
from streams.entry import Entry, Position
from streams.replay import Gap, Reader


class Notes:
    """Reads. All raise LogUnavailable, ArchiveUnavailable, ChatBusy."""

    def __init__(self, archive: Archive, reader: Reader) -> None:
        self._archive = archive.notes
        self._reader = reader

    async def get(self, note_id: str) -> StoredNote | None:
        """The note and its grants; None when there is none."""
        return (await self._read([note_id])).get(note_id)

    async def list_of(self, user_id: str) -> list[StoredNote]:
        """The notes that a user may read, the last updated first."""
        found = await read_unfolded(self._reader, f"user:{user_id}", lambda: self._archive.marks(user_id))
        marks = patched_rows(NOTE_MARKS, found.stored, changes_after(found.entries).rows)
        notes = await self._read([mark.note_id for mark in marks.values()])
        mine = [note for note in notes.values() if note.permission(user_id)]
        return sorted(mine, key=lambda stored: (-stored.note.updated_at, stored.note.id))

    async def _read(self, note_ids: list[str]) -> dict[str, StoredNote]:
        """Those of the notes that exist."""
        for _ in range(READS):
            stored = await self._archive.notes(note_ids) if note_ids else {}
            tails = await self._tails({NOTE_ROOM + key: note.position for key, note in stored.items()})
            if tails is not None:
                position, entries = tails
                notes = {k: n.patched(changes_after(entries[NOTE_ROOM + k]).rows, position) for k, n in stored.items()}
                return {key: note for key, note in notes.items() if note.exists}
        raise ChatBusy("notes could not be read in one piece")

    async def _tails(self, starts: dict[str, Position]) -> tuple[Position, dict[str, list[Entry]]] | None:
        """What the rooms hold behind their starts; None when a part of it was trimmed meanwhile."""
        until = await self._reader.position()
        found: dict[str, list[Entry]] = {room: [] for room in starts}
        while True:
            page = await self._reader.page(starts, until, vouch=False)
            if isinstance(page, Gap):
                return None
            for entry in page.entries:
                if entry.position > starts[entry.room]:
                    found[entry.room].append(entry)
            if page.upto >= until:
                return until, found
            starts = {room: max(start, page.upto) for room, start in starts.items()}


def note_wire(stored: StoredNote) -> dict[str, Any]:
    """The note as its readers are shown it; who else may read it is not among it."""
    note = stored.note
    return {
        "id": note.id,
        "user_id": note.user_id,
        "title": note.title,
        "data": note.data,
        "meta": note.meta,
        "created_at": note.created_at,
        "updated_at": note.updated_at,
    }
