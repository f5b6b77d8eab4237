"""What a node asks of PostgreSQL about notes. Everything raises as `Archive` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from psycopg import AsyncConnection

from archive.notes import NOTE_MARKS, NOTE_ROOM, Note, NoteMark, StoredNote
from archive.sharing import Grant
from archive.tables import Key
from streams.entry import Position

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]

_NOTES = f"""
    SELECT a.id, coalesce(r.ms, 0), coalesce(r.seq, 0), to_jsonb(n),
        (SELECT coalesce(jsonb_agg(to_jsonb(g)), '[]') FROM grants g WHERE g.room = '{NOTE_ROOM}' || a.id)
    FROM unnest(%s::text[]) a(id)
    LEFT JOIN rooms r ON r.room = '{NOTE_ROOM}' || a.id
    LEFT JOIN notes n ON n.id = a.id
""".encode()
_MARKS = f"""
    SELECT coalesce(r.ms, 0), coalesce(r.seq, 0),
        (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM {NOTE_MARKS.name} m WHERE m.user_id = a.id)
    FROM (SELECT %s::text AS id) a LEFT JOIN rooms r ON r.room = 'user:' || a.id
""".encode()


class NoteArchive:
    """Reads of what is folded; the position in each answer tells up to where. connect: borrows a connection."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def notes(self, note_ids: Sequence[str]) -> dict[str, StoredNote]:
        """The notes by id, each with its grants; one that does not exist where no entry made it."""
        async with self._connect() as connection:
            rows = await (await connection.execute(_NOTES, [list(note_ids)])).fetchall()
        return {row[0]: _note(*row) for row in rows}

    async def marks(self, user_id: str) -> tuple[Position, dict[Key, NoteMark]]:
        """A mark for each note that the user may have access to; the position is that of room `user:{user_id}`."""
        async with self._connect() as connection:
            row = await (await connection.execute(_MARKS, [user_id])).fetchone()
        assert row is not None
        return Position(row[0], row[1]), {(m["user_id"], m["note_id"]): NoteMark(**m) for m in row[2]}


def _note(note_id: str, ms: int, seq: int, own: Any, grants: Any) -> StoredNote:
    found = [Grant(**grant) for grant in grants]
    return StoredNote(
        Note(**own) if own else Note(note_id),
        {(grant.room, grant.user_id): grant for grant in found},
        Position(ms, seq),
    )
