"""Storing folded changes: positions move by compare-and-set, rows change in the same transaction.

Four round trips of set-based SQL, and one for each other table, however many rooms, chats and messages. Parameters are
the patches themselves, as one JSON array per statement, so that a delta sends its own bytes and not its message's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from psycopg import AsyncConnection

from archive import document_store, upserts
from archive.chat import NEW_TITLE
from archive.columns import default, patched
from archive.fold import USER_ROOM
from archive.notes import NOTES
from archive.patches import MESSAGE_FIELDS, Changes, ChatPatch
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


@dataclass(frozen=True, slots=True)
class RefusedChat:
    """A chat whose patch was not stored because it belongs to someone else. Its room moved on nevertheless."""

    room: str
    chat_id: str


@dataclass(frozen=True, slots=True)
class CommitResult:
    """What a commit stored.

    moved: rooms whose position and rows are stored; any other room stood elsewhere and nothing of it was stored.
    refused: chats, of moved rooms, that have another owner.
    """

    moved: frozenset[str]
    refused: tuple[RefusedChat, ...]


# Rows are locked in the order of their names, so that two commits cannot wait for each other.
_MOVE = b"""
    WITH p AS MATERIALIZED (
        SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
            AS p(room, before_ms, before_seq, ms, seq)
    ), locked AS MATERIALIZED (
        SELECT r.room FROM rooms r JOIN p USING (room)
        WHERE (r.ms, r.seq) = (p.before_ms, p.before_seq)
        ORDER BY r.room FOR UPDATE OF r
    ), moved AS (
        UPDATE rooms r SET ms = p.ms, seq = p.seq FROM p JOIN locked USING (room) WHERE r.room = p.room
        RETURNING r.room
    ), born AS (
        INSERT INTO rooms (room, ms, seq)
        SELECT room, ms, seq FROM p WHERE (before_ms, before_seq) = (0, 0) ORDER BY room
        ON CONFLICT (room) DO NOTHING RETURNING room
    )
    SELECT room FROM moved UNION ALL SELECT room FROM born
"""

_PATCH_CHATS = f"""
    WITH p AS MATERIALIZED (
        SELECT * FROM ROWS FROM (json_to_recordset(%s::json) AS (
            id text, user_id text, first_s bigint, last_s bigint,
            title text, tags jsonb, current_id text, created_at bigint, deleted boolean
        )) WITH ORDINALITY AS p(id, user_id, first_s, last_s, title, tags, current_id, created_at, gone, n)
    ), changed AS (
        UPDATE chats c SET
            title = CASE WHEN c.deleted OR p.gone THEN '' ELSE coalesce(p.title, c.title) END,
            tags = CASE WHEN c.deleted OR p.gone THEN '[]' ELSE coalesce(p.tags, c.tags) END,
            current_id = CASE WHEN c.deleted OR p.gone THEN NULL ELSE coalesce(p.current_id, c.current_id) END,
            created_at = CASE WHEN c.deleted OR p.gone THEN 0 ELSE coalesce(p.created_at, c.created_at) END,
            updated_at = greatest(p.last_s, c.updated_at),
            deleted = c.deleted OR coalesce(p.gone, false)
        FROM p WHERE c.id = p.id AND c.user_id = p.user_id
        RETURNING c.id, c.user_id, c.deleted
    ), born AS (
        INSERT INTO chats (id, user_id, title, tags, current_id, created_at, updated_at, deleted)
        SELECT p.id, p.user_id, CASE WHEN p.gone THEN '' ELSE coalesce(p.title, '{NEW_TITLE}') END,
               CASE WHEN p.gone THEN '[]' ELSE coalesce(p.tags, '[]') END,
               CASE WHEN p.gone THEN NULL ELSE p.current_id END,
               CASE WHEN p.gone THEN 0 ELSE coalesce(p.created_at, p.first_s) END,
               p.last_s, coalesce(p.gone, false)
        FROM p WHERE NOT EXISTS (SELECT FROM chats c WHERE c.id = p.id) ORDER BY p.id, p.n
        ON CONFLICT (id) DO NOTHING RETURNING id, user_id, deleted
    )
    SELECT id, user_id, deleted FROM changed UNION ALL SELECT id, user_id, deleted FROM born
""".encode()

_SET = ", ".join(f"{name} = {patched(name, f'm.{name}')}" for name in MESSAGE_FIELDS)
_VALUES = ", ".join(patched(name, default(name)) for name in MESSAGE_FIELDS)
_PATCH_MESSAGES = f"""
    WITH p AS MATERIALIZED (
        SELECT * FROM ROWS FROM (json_to_recordset(%s::json) AS (
            chat_id text, id text, at bigint, put jsonb, add jsonb
        )) WITH ORDINALITY AS p(chat_id, id, at, put, add, n)
    ), changed AS (
        UPDATE messages m SET {_SET} FROM p WHERE m.chat_id = p.chat_id AND m.id = p.id
    )
    INSERT INTO messages (chat_id, id, {", ".join(MESSAGE_FIELDS)})
    SELECT p.chat_id, p.id, {_VALUES} FROM p
    WHERE NOT EXISTS (SELECT FROM messages m WHERE m.chat_id = p.chat_id AND m.id = p.id) ORDER BY p.n
""".encode()

_BURY = b"DELETE FROM messages WHERE chat_id = ANY(%s)"


async def commit(connection: AsyncConnection[Any], folds: Sequence[RoomFold]) -> CommitResult:
    """Store these folds in one transaction. Raises psycopg.Error, and then nothing is stored."""
    if len({fold.room for fold in folds}) != len(folds):
        raise ValueError("a room may be in a commit only once")
    async with connection.transaction():
        moved = await _move(connection, sorted(folds, key=lambda fold: fold.room))
        patches = [
            (fold.room, chat_id, patch)
            for fold in folds
            if fold.room in moved
            for chat_id, patch in fold.changes.chats.items()
        ]
        accepted = await _patch_chats(connection, patches)
        gone = [chat_id for (_, chat_id), deleted in accepted.items() if deleted]
        await _patch_messages(connection, [patch for patch in patches if accepted.get(patch[:2]) is False])
        if gone:
            await connection.execute(_BURY, [gone])
        rows = [fold.changes.rows for fold in folds if fold.room in moved]
        await upserts.store(connection, rows)
        if notes := [key[0] for part in rows for key, op in part.get(NOTES, {}).items() if op and op.get("deleted")]:
            await document_store.bury(connection, notes)
    refused = tuple(RefusedChat(room, chat_id) for room, chat_id, _ in patches if (room, chat_id) not in accepted)
    return CommitResult(moved, refused)


async def _move(connection: AsyncConnection[Any], folds: Sequence[RoomFold]) -> frozenset[str]:
    columns = [
        [fold.room for fold in folds],
        [fold.before.ms for fold in folds],
        [fold.before.seq for fold in folds],
        [fold.after.ms for fold in folds],
        [fold.after.seq for fold in folds],
    ]
    rows = await (await connection.execute(_MOVE, columns)).fetchall()
    return frozenset(room for (room,) in rows)


async def _patch_chats(
    connection: AsyncConnection[Any], patches: Iterable[tuple[str, str, ChatPatch]]
) -> dict[tuple[str, str], bool]:
    """The (room, chat id) of the patches that were stored, and whether that chat is deleted."""
    rows = [
        {
            "id": chat_id,
            "user_id": room.removeprefix(USER_ROOM),
            "first_s": patch.first_s,
            "last_s": patch.last_s,
            **patch.put,
        }
        for room, chat_id, patch in patches
    ]
    if not rows:
        return {}
    stored = await (await connection.execute(_PATCH_CHATS, [_json(rows)])).fetchall()
    return {(USER_ROOM + user_id, chat_id): deleted for chat_id, user_id, deleted in stored}


async def _patch_messages(connection: AsyncConnection[Any], patches: Iterable[tuple[str, str, ChatPatch]]) -> None:
    rows = [
        {
            "chat_id": chat_id,
            "id": message_id,
            "at": patch.first_s,
            **({"put": patch.ops.put} if patch.ops.put else {}),
            **({"add": patch.ops.add} if patch.ops.add else {}),
        }
        for _, chat_id, chat in patches
        for message_id, patch in chat.messages.items()
    ]
    if rows:
        await connection.execute(_PATCH_MESSAGES, [_json(rows)])


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
