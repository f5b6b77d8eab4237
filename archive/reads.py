"""Reads of what is stored. Each is one statement, so each is one consistent snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from archive.chat import ChatSummary, StoredChat, StoredMessage
from archive.fold import USER_ROOM
from archive.patches import MESSAGE_FIELDS, Kind
from streams.entry import Position

_LISTS = [name for name, kind in MESSAGE_FIELDS.items() if kind in (Kind.LIST, Kind.KEYED)]

_POSITIONS = b"SELECT room, ms, seq FROM rooms WHERE room = ANY(%s)"
_CHAT = f"""
    SELECT c.*, coalesce(r.ms, 0) AS ms, coalesce(r.seq, 0) AS seq,
           m.id AS message_id, {", ".join(f"m.{name} AS m_{name}" for name in MESSAGE_FIELDS)}
    FROM chats c
    LEFT JOIN rooms r ON r.room = '{USER_ROOM}' || c.user_id
    LEFT JOIN messages m ON m.chat_id = c.id
    WHERE c.id = %s ORDER BY m.ordinal
""".encode()
_OWNER = b"SELECT user_id FROM chats WHERE id = %s"
_CHATS_OF = b"""
    SELECT id, title, updated_at, created_at FROM chats WHERE user_id = %s
    ORDER BY updated_at DESC, id LIMIT %s OFFSET %s
"""


async def stored(connection: AsyncConnection[Any], rooms: Sequence[str]) -> dict[str, Position]:
    rows = await (await connection.execute(_POSITIONS, [list(rooms)])).fetchall()
    return dict.fromkeys(rooms, Position.ZERO) | {room: Position(ms, seq) for room, ms, seq in rows}


async def chat(connection: AsyncConnection[Any], chat_id: str) -> StoredChat | None:
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(_CHAT, [chat_id])).fetchall()
    if not rows:
        return None
    first = rows[0]
    return StoredChat(
        id=first["id"],
        user_id=first["user_id"],
        title=first["title"],
        tags=tuple(first["tags"]),
        current_id=first["current_id"],
        created_at=first["created_at"],
        updated_at=first["updated_at"],
        messages={row["message_id"]: _message(row) for row in rows if row["message_id"] is not None},
        position=Position(first["ms"], first["seq"]),
    )


async def owner(connection: AsyncConnection[Any], chat_id: str) -> str | None:
    row = await (await connection.execute(_OWNER, [chat_id])).fetchone()
    return None if row is None else str(row[0])


async def chats_of(connection: AsyncConnection[Any], user_id: str, limit: int, offset: int) -> tuple[ChatSummary, ...]:
    async with connection.cursor(row_factory=class_row(ChatSummary)) as cursor:
        return tuple(await (await cursor.execute(_CHATS_OF, [user_id, limit, offset])).fetchall())


def _message(row: dict[str, Any]) -> StoredMessage:
    columns = {name: row[f"m_{name}"] for name in MESSAGE_FIELDS}
    columns |= {name: tuple(columns[name]) for name in _LISTS}
    return StoredMessage(id=row["message_id"], **columns)
