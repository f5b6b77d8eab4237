"""What nodes and workers ask of PostgreSQL about documents. Everything raises as `Archive` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import orjson
from psycopg import AsyncConnection

from archive.documents import (
    FoldedDocument,
    FoldedUpTo,
    Keeping,
    Outcome,
    Quarantined,
    Rendered,
    StoredDocument,
    Version,
)
from archive.notes import NOTE_ROOM
from archive.text import storable, storable_json
from streams.documents import Content
from streams.entry import Position

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]

LISTED = 1000
"""What a list shows at most, the newest first."""

_STORED = b"""
    SELECT d.id, d.epoch, d.ms, d.seq, d.number, h.state, h.vector, d.content::text, d.content_ms, d.content_seq,
        d.markdown, d.updated_at
    FROM documents d LEFT JOIN document_history h ON h.document = d.id AND h.number = d.number
    WHERE d.id = %s
"""
_RENDERED = b"SELECT ms, seq, content::text, content_ms, content_seq, markdown FROM documents WHERE id = %s"
_POSITIONS = f"""
    SELECT a.id, coalesce(d.ms, 0), coalesce(d.seq, 0), coalesce(n.deleted, false)
    FROM unnest(%s::text[]) a(id)
    LEFT JOIN documents d ON d.id = a.id
    LEFT JOIN notes n ON n.id = substr(a.id, {len(NOTE_ROOM) + 1}) AND starts_with(a.id, '{NOTE_ROOM}')
""".encode()
# Shared: the note's deletion, which takes its document along, waits for this commit, or this one for it.
_DELETED = b"SELECT deleted FROM notes WHERE id = %s FOR SHARE"
_MOVE = b"""
    UPDATE documents SET epoch = %(epoch)s, ms = %(ms)s, seq = %(seq)s, number = number + %(more)s,
        markdown = coalesce(%(markdown)s, markdown), updated_at = %(now)s
    WHERE id = %(id)s AND (epoch, ms, seq) = (%(old_epoch)s, %(old_ms)s, %(old_seq)s) RETURNING number
"""
_BEAR = b"""
    INSERT INTO documents (id, epoch, ms, seq, number, markdown, updated_at)
    VALUES (%(id)s, %(epoch)s, %(ms)s, %(seq)s, %(more)s, coalesce(%(markdown)s, ''), %(now)s)
    ON CONFLICT (id) DO NOTHING RETURNING number
"""
_KEEP = b"""
    INSERT INTO document_history (document, number, epoch, ms, seq, state, vector, at)
    VALUES (%(id)s, %(number)s, %(epoch)s, %(ms)s, %(seq)s, %(state)b, %(vector)b, %(now)s)
"""
_PRUNE = b"""
    DELETE FROM document_history h USING (
        SELECT number, row_number() OVER (ORDER BY number DESC) AS age,
            row_number() OVER (PARTITION BY at / 3600000 ORDER BY number DESC) AS in_hour,
            dense_rank() OVER (ORDER BY at / 3600000 DESC) AS hour
        FROM document_history WHERE document = %(id)s
    ) r
    WHERE h.document = %(id)s AND h.number = r.number
        AND r.age > %(newest)s AND (r.in_hour > 1 OR r.hour > %(hours)s)
"""
_RENDER = b"""
    UPDATE documents SET content = %(body)s::jsonb, content_ms = %(at_ms)s, content_seq = %(at_seq)s
    WHERE id = %(id)s AND (content IS NULL OR (content_ms, content_seq) <= (%(at_ms)s, %(at_seq)s))
"""
_QUARANTINE = b"""
    INSERT INTO document_quarantine (document, ms, seq, user_id, session, update_bytes, error, at)
    VALUES (%s, %s, %s, %s, %s, %b, %s, %s) ON CONFLICT DO NOTHING
"""
_HISTORY = b"""
    SELECT number, epoch, ms, seq, octet_length(state), at FROM document_history
    WHERE document = %s ORDER BY number DESC LIMIT %s
"""
_VERSION = b"""
    SELECT number, epoch, ms, seq, octet_length(state), at, state, vector FROM document_history
    WHERE document = %s AND number = %s
"""
_QUARANTINED = b"""
    SELECT ms, seq, user_id, session, update_bytes, error, at FROM document_quarantine
    WHERE document = %s ORDER BY ms DESC, seq DESC LIMIT %s
"""
_BURY = b"DELETE FROM documents WHERE id = ANY(%s)"


class DocumentArchive:
    """connect: borrows a connection. keeping: which versions a commit leaves."""

    def __init__(self, connect: Connect, keeping: Keeping | None = None) -> None:
        self._connect = connect
        self._keeping = keeping or Keeping()

    async def stored(self, document_id: str) -> StoredDocument | None:
        """The document of one moment; None when nothing of it is stored."""
        async with self._connect() as connection:
            row = await (await connection.execute(_STORED, [storable(document_id)], binary=True)).fetchone()
        return None if row is None else _document(*row)

    async def rendered(self, document_id: str) -> Rendered | None:
        """How readers see the document, without its state; None when nothing of it is stored."""
        async with self._connect() as connection:
            row = await (await connection.execute(_RENDERED, [storable(document_id)])).fetchone()
        if row is None:
            return None
        ms, seq, content, content_ms, content_seq, markdown = row
        sent = None if content is None else Content(Position(content_ms, content_seq), content.encode())
        return Rendered(Position(ms, seq), sent, markdown)

    async def positions(self, document_ids: Sequence[str]) -> FoldedUpTo:
        """How far each of the documents is folded; ZERO for one that never was."""
        async with self._connect() as connection:
            rows = await (await connection.execute(_POSITIONS, [[storable(name) for name in document_ids]])).fetchall()
        stored = {document_id: Position(ms, seq) for document_id, ms, seq, _ in rows}
        return FoldedUpTo(stored, frozenset(row[0] for row in rows if row[3]))

    async def commit(self, folded: FoldedDocument) -> Outcome:
        """Store a fold if the document still stands where it was folded from: epoch and position, by compare-and-set.

        When it says STORED, everything of the fold is durable. A call that was cancelled or lost its connection may
        have been committed: `stored` tells.
        """
        async with self._connect() as connection, connection.transaction():
            return await self._commit(connection, folded)

    async def _commit(self, connection: AsyncConnection[Any], folded: FoldedDocument) -> Outcome:
        document_id = folded.before.id
        if await _note_is_deleted(connection, document_id):
            return Outcome.DELETED
        values = _values(folded)
        move = _MOVE if folded.before.exists else _BEAR
        row = await (await connection.execute(move, values)).fetchone()
        if row is None:
            return Outcome.ELSEWHERE
        if folded.state is not None:
            kept = {"number": row[0], "state": folded.state, "vector": folded.vector}
            await connection.execute(_KEEP, values | kept)
            limits = {"newest": self._keeping.newest, "hours": self._keeping.hours}
            await connection.execute(_PRUNE, values | limits)
        if content := folded.content:
            at = {"body": _json(content.body), "at_ms": content.position.ms, "at_seq": content.position.seq}
            await connection.execute(_RENDER, values | at)
        for update in folded.quarantined:
            await connection.execute(_QUARANTINE, _quarantine_row(document_id, update))
        return Outcome.STORED

    async def history(self, document_id: str, limit: int = LISTED) -> list[Version]:
        """The versions that are kept, without their states, the newest first: that is the present state."""
        async with self._connect() as connection:
            rows = await (await connection.execute(_HISTORY, [storable(document_id), limit])).fetchall()
        return [_version(*row) for row in rows]

    async def version(self, document_id: str, number: int) -> Version | None:
        """A version that is kept, with its state."""
        async with self._connect() as connection:
            row = await (await connection.execute(_VERSION, [storable(document_id), number], binary=True)).fetchone()
        return None if row is None else _version(*row)

    async def quarantined(self, document_id: str, limit: int = LISTED) -> list[Quarantined]:
        """The document's updates that could not be integrated, the newest first."""
        async with self._connect() as connection:
            rows = await (
                await connection.execute(_QUARANTINED, [storable(document_id), limit], binary=True)
            ).fetchall()
        return [Quarantined(Position(ms, seq), *rest) for ms, seq, *rest in rows]


async def bury(connection: AsyncConnection[Any], note_ids: Sequence[str]) -> None:
    """Remove the documents of these notes, with everything that is kept of them."""
    await connection.execute(_BURY, [[NOTE_ROOM + note_id for note_id in note_ids]])


async def _note_is_deleted(connection: AsyncConnection[Any], document_id: str) -> bool:
    note_id = document_id.removeprefix(NOTE_ROOM)
    row = await (await connection.execute(_DELETED, [storable(note_id)])).fetchone() if note_id != document_id else None
    return row is not None and bool(row[0])


def _values(folded: FoldedDocument) -> dict[str, Any]:
    before = folded.before
    return {
        "id": storable(before.id),
        "old_epoch": before.epoch,
        "old_ms": before.position.ms,
        "old_seq": before.position.seq,
        "epoch": folded.epoch,
        "ms": folded.position.ms,
        "seq": folded.position.seq,
        "more": 0 if folded.state is None else 1,
        "markdown": None if folded.state is None else storable(folded.markdown),
        "now": int(time.time() * 1000),
    }


def _quarantine_row(document_id: str, update: Quarantined) -> list[Any]:
    ms, seq = update.position
    words = storable(update.user_id), storable(update.session)
    return [storable(document_id), ms, seq, *words, update.update, storable(update.error[:2000]), update.at]


def _document(*row: Any) -> StoredDocument:
    document_id, epoch, ms, seq, number, state, vector, content, content_ms, content_seq, markdown, updated_at = row
    bare = StoredDocument(document_id)
    return StoredDocument(
        document_id,
        epoch,
        Position(ms, seq),
        number,
        bare.state if state is None else state,
        bare.vector if vector is None else vector,
        None if content is None else Content(Position(content_ms, content_seq), content.encode()),
        markdown,
        updated_at,
    )


def _version(
    number: int, epoch: str, ms: int, seq: int, size_bytes: int, at: int, state: bytes = b"", vector: bytes = b""
) -> Version:
    return Version(number, epoch, Position(ms, seq), size_bytes, at, state, vector)


def _json(body: bytes) -> str:
    """JSON that jsonb takes; what is none becomes null."""
    try:
        value = orjson.loads(storable_json(body))
    except orjson.JSONDecodeError:
        return "null"
    return orjson.dumps(value).decode()
