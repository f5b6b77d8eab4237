"""Reads of what is stored. Each is one statement, so each is one consistent snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from archive.chat import StoredChat, StoredMessage
from archive.fold import USER_ROOM
from archive.patches import MESSAGE_FIELDS, Kind
from archive.sharing import Grant
from archive.tables import Key
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
_OWNER = b"SELECT user_id FROM chats WHERE id = %s AND NOT deleted"
_GRANTS = b"""
    SELECT coalesce(r.ms, 0), coalesce(r.seq, 0),
        (SELECT coalesce(jsonb_object_agg(g.user_id, g.permission), '{}') FROM grants g WHERE g.room = a.room)
    FROM (SELECT %s::text AS log, %s::text AS room) a LEFT JOIN rooms r ON r.room = a.log
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
        deleted=first["deleted"],
    )


async def owner(connection: AsyncConnection[Any], chat_id: str) -> str | None:
    row = await (await connection.execute(_OWNER, [chat_id])).fetchone()
    return None if row is None else str(row[0])


async def grants(connection: AsyncConnection[Any], room: str, log: str) -> tuple[Position, dict[Key, Grant]]:
    row = await (await connection.execute(_GRANTS, [log, room])).fetchone()
    assert row is not None
    ms, seq, found = row
    return Position(ms, seq), {(room, user_id): Grant(room, user_id, word) for user_id, word in found.items()}


def _message(row: dict[str, Any]) -> StoredMessage:
    columns = {name: row[f"m_{name}"] for name in MESSAGE_FIELDS}
    columns |= {name: tuple(columns[name]) for name in _LISTS}
    return StoredMessage(id=row["message_id"], **columns)
