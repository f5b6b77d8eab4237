"""Reads of channels. Each answers one moment: one statement, or one repeatable-read transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from psycopg import AsyncConnection
from psycopg.rows import class_row

from archive.channel import (
    CHANNEL_ROOM,
    MESSAGES,
    REACTIONS,
    Channel,
    ChannelMessage,
    Mark,
    Member,
    Reaction,
    StoredChannel,
    Webhook,
)
from archive.channel_view import MessageView, Replies, Select
from archive.tables import Table
from streams.entry import Position

T = TypeVar("T")


def _columns(table: Table[Any], alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in (*table.keys, *table.columns))


_CHANNEL = f"""
    SELECT coalesce(r.ms, 0), coalesce(r.seq, 0), to_jsonb(c),
        (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM channel_members m WHERE m.channel_id = a.id),
        (SELECT coalesce(jsonb_agg(to_jsonb(w)), '[]') FROM channel_webhooks w WHERE w.channel_id = a.id)
    FROM (SELECT %s::text AS id) a
    LEFT JOIN rooms r ON r.room = '{CHANNEL_ROOM}' || a.id
    LEFT JOIN channels c ON c.id = a.id
""".encode()
_ISOLATED = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_POSITION = b"SELECT ms, seq FROM rooms WHERE room = %s"
_WINDOW = f"""
    SELECT {_columns(MESSAGES, "m")} FROM channel_messages m
    WHERE m.channel_id = %s AND {{of}} AND m.user_id <> '' AND NOT m.deleted AND NOT m.id = ANY(%s)
    ORDER BY m.created_at DESC, m.id COLLATE "C" DESC OFFSET %s LIMIT %s
"""
_OF_CHANNEL, _OF_THREAD, _PINNED = "m.parent_id IS NULL", "m.parent_id = %s", "m.is_pinned"
_BY_ID = f"SELECT {_columns(MESSAGES, 'm')} FROM channel_messages m WHERE channel_id = %s AND id = ANY(%s)".encode()
_REACTIONS = f"""
    SELECT {_columns(REACTIONS, "r")} FROM channel_reactions r WHERE channel_id = %s AND message_id = ANY(%s)
""".encode()
_REPLIES = b"""
    SELECT parent_id, count(*), max(created_at) FROM channel_messages
    WHERE channel_id = %s AND parent_id = ANY(%s) AND user_id <> '' AND NOT deleted AND NOT id = ANY(%s)
    GROUP BY parent_id
"""
_MARKS = b"""
    SELECT coalesce(k.user_id, m.user_id), coalesce(k.channel_id, m.channel_id), k.last_read_at, k.muted,
           coalesce((SELECT ms FROM rooms WHERE room = 'user:' || a.id), 0),
           coalesce((SELECT seq FROM rooms WHERE room = 'user:' || a.id), 0)
    FROM (SELECT %s::text AS id) a
    LEFT JOIN (
        (SELECT * FROM channel_marks WHERE user_id = %s) k
        FULL JOIN (SELECT * FROM channel_members WHERE user_id = %s) m USING (user_id, channel_id)
    ) ON true
"""
_UNREAD = f"""
    SELECT a.channel_id, coalesce(r.ms, 0), coalesce(r.seq, 0),
        (SELECT count(*) FROM channel_messages m
         WHERE m.channel_id = a.channel_id AND m.parent_id IS NULL AND m.created_at > a.since
           AND m.user_id <> '' AND m.user_id <> %s AND NOT m.deleted AND NOT m.id = ANY(a.touched)),
        coalesce((SELECT m.created_at FROM channel_messages m
         WHERE m.channel_id = a.channel_id AND m.parent_id IS NULL
           AND m.user_id <> '' AND NOT m.deleted AND NOT m.id = ANY(a.touched)
         ORDER BY m.created_at DESC LIMIT 1), 0),
        (SELECT coalesce(jsonb_agg(to_jsonb(m)), '[]') FROM channel_messages m
         WHERE m.channel_id = a.channel_id AND m.id = ANY(a.touched))
    FROM json_to_recordset(%s::json) a(channel_id text, since bigint, touched text[])
    LEFT JOIN rooms r ON r.room = '{CHANNEL_ROOM}' || a.channel_id
""".encode()


@dataclass(frozen=True, slots=True)
class UnreadAsk:
    """since: count top-level messages of others after this time (ns). touched: not these; their rows are wanted."""

    channel_id: str
    since: int
    touched: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unread:
    """count, latest_at: of untouched messages. touched: rows of the others. position: of the room."""

    count: int
    latest_at: int
    touched: tuple[ChannelMessage, ...]
    position: Position


async def channel(connection: AsyncConnection[Any], channel_id: str) -> StoredChannel:
    """The channel with its members; one that was never created when there is no row."""
    row = await (await connection.execute(_CHANNEL, [channel_id])).fetchone()
    assert row is not None
    ms, seq, own, members, webhooks = row
    return StoredChannel(
        channel=Channel(**own) if own else Channel(channel_id),
        members={(channel_id, m["user_id"]): Member(**m) for m in members},
        webhooks={(channel_id, w["id"]): Webhook(**w) for w in webhooks},
        position=Position(ms, seq),
    )


async def messages(connection: AsyncConnection[Any], select: Select) -> MessageView:
    """What is stored of the selected messages, and the position that it is folded up to."""
    channel_id, touched = select.channel_id, list(select.touched)
    async with connection.transaction():
        await connection.execute(_ISOLATED)
        at = await (await connection.execute(_POSITION, [CHANNEL_ROOM + channel_id])).fetchone()
        window = await _window(connection, select) if select.limit else []
        others = await _rows(connection, ChannelMessage, _BY_ID, [channel_id, touched])
        quoted = [m.reply_to_id for m in (*window, *others) if m.reply_to_id]
        others += await _rows(connection, ChannelMessage, _BY_ID, [channel_id, quoted]) if quoted else []
        shown = [m.id for m in (*window, *others)]
        reactions = await _rows(connection, Reaction, _REACTIONS, [channel_id, shown])
        counts = await (await connection.execute(_REPLIES, [channel_id, shown, touched])).fetchall()
    return MessageView(
        select,
        window=tuple((channel_id, m.id) for m in window),
        rows={(channel_id, m.id): m for m in (*window, *others)},
        reactions={(channel_id, r.message_id, r.user_id, r.name): r for r in reactions},
        replies={parent: Replies(count, latest) for parent, count, latest in counts},
        position=Position(*at) if at else Position.ZERO,
    )


async def _window(connection: AsyncConnection[Any], select: Select) -> list[ChannelMessage]:
    of, parents = _OF_CHANNEL, []
    if select.pinned:
        of = _PINNED
    elif select.parent_id is not None:
        of, parents = _OF_THREAD, [select.parent_id]
    args = [select.channel_id, *parents, list(select.touched), select.window.offset, select.window.count]
    return await _rows(connection, ChannelMessage, _WINDOW.format(of=of).encode(), args)


async def _rows(connection: AsyncConnection[Any], kind: type[T], query: bytes, args: Sequence[Any]) -> list[T]:
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        return await (await cursor.execute(query, args)).fetchall()


async def marks(connection: AsyncConnection[Any], user_id: str) -> tuple[Position, dict[tuple[str, ...], Mark]]:
    """A mark for every channel that the user may be a member of, and where the user's room stands."""
    rows = await (await connection.execute(_MARKS, [user_id, user_id, user_id])).fetchall()
    *_, ms, seq = rows[0]
    return Position(ms, seq), {
        (user_id, channel_id): Mark(user_id, channel_id, last_read_at or 0, bool(muted))
        for _user, channel_id, last_read_at, muted, *_ in rows
        if channel_id is not None
    }


async def unread(connection: AsyncConnection[Any], user_id: str, asks: Sequence[UnreadAsk]) -> Mapping[str, Unread]:
    """By channel: how many messages of others the user has not read, and when the last one came."""
    body = [{"channel_id": a.channel_id, "since": a.since, "touched": list(a.touched)} for a in asks]
    rows = await (await connection.execute(_UNREAD, [user_id, orjson.dumps(body).decode()])).fetchall()
    return {
        channel_id: Unread(count, latest, tuple(ChannelMessage(**m) for m in touched), Position(ms, seq))
        for channel_id, ms, seq, count, latest, touched in rows
    }
