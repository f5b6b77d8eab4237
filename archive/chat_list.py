"""A user's list of chats, the last updated first: what is stored, and what the tail of the user's room may change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from archive.chat import ChatSummary, StoredChat, StoredMessage
from archive.chat_marks import CHAT_MARKS, ChatMark
from archive.fold import USER_ROOM, apply
from archive.patches import Changes
from archive.tables import Key, patched_rows
from archive.windows import Window
from streams.entry import Position


@dataclass(frozen=True, slots=True)
class ChatList:
    """window: lines of untouched chats. chats: the touched ones that are stored, of whose messages only role and
    timestamp were read. marks: of the touched. position: of the user's room, that all of it is complete up to.
    """

    user_id: str
    window: tuple[ChatSummary, ...]
    chats: Mapping[str, StoredChat]
    marks: Mapping[Key, ChatMark]
    position: Position

    def page(self, window: Window, changes: Changes) -> list[ChatSummary]:
        """The page, after what the room's entries behind `position` change."""
        chats = dict(self.chats)
        for chat_id in changes.chats:
            stored = chats.get(chat_id) or StoredChat.empty(chat_id, self.user_id)
            if stored.user_id == self.user_id:
                chats[chat_id] = apply(stored, changes)
        marks = patched_rows(CHAT_MARKS, self.marks, changes.rows)
        lines = [ChatSummary.of(chat, self._read_at(marks, chat.id)) for chat in chats.values() if self._is_mine(chat)]
        return window.page(self.window, lines, lambda line: (-line.updated_at, line.id))

    def _is_mine(self, chat: StoredChat) -> bool:
        return chat.user_id == self.user_id and not chat.deleted

    def _read_at(self, marks: Mapping[Key, ChatMark], chat_id: str) -> int:
        mark = marks.get((self.user_id, chat_id))
        return mark.last_read_at if mark else 0


def touched_chats(changes: Changes) -> frozenset[str]:
    """Ids of the chats whose lines these changes may change."""
    return frozenset(changes.chats) | {chat_id for _user_id, chat_id in changes.rows.get(CHAT_MARKS, {})}


ISOLATED = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_POSITION = b"SELECT ms, seq FROM rooms WHERE room = %s"
_WINDOW = b"""
    SELECT c.id, c.title, c.updated_at, c.created_at, coalesce(k.last_read_at, 0) AS last_read_at,
        (SELECT count(*) FROM messages m
         WHERE m.chat_id = c.id AND m.role = 'assistant' AND m.timestamp > coalesce(k.last_read_at, 0)) AS unread_count
    FROM chats c LEFT JOIN chat_marks k ON k.user_id = c.user_id AND k.chat_id = c.id
    WHERE c.user_id = %s AND NOT c.deleted AND NOT c.id = ANY(%s)
    ORDER BY c.updated_at DESC, c.id COLLATE "C" LIMIT %s OFFSET %s
"""
_TOUCHED = b"""
    SELECT c.id, c.user_id, c.title, c.created_at, c.updated_at, c.deleted,
        (SELECT coalesce(jsonb_agg(jsonb_build_array(m.id, m.role, m.timestamp)), '[]')
         FROM messages m WHERE m.chat_id = c.id)
    FROM chats c WHERE c.id = ANY(%s)
"""
_MARKS = b"SELECT user_id, chat_id, last_read_at FROM chat_marks WHERE user_id = %s AND chat_id = ANY(%s)"


async def read(connection: AsyncConnection[Any], user_id: str, window: Window, touched: Sequence[str]) -> ChatList:
    """What is stored of one moment."""
    async with connection.transaction():
        await connection.execute(ISOLATED)
        at = await position(connection, user_id)
        async with connection.cursor(row_factory=class_row(ChatSummary)) as cursor:
            await cursor.execute(_WINDOW, [user_id, list(touched), window.count, window.offset])
            lines = tuple(await cursor.fetchall())
        chats = await bare_chats(connection, touched)
        async with connection.cursor(row_factory=class_row(ChatMark)) as cursor:
            marks = await (await cursor.execute(_MARKS, [user_id, list(touched)])).fetchall()
    return ChatList(user_id, lines, chats, {(m.user_id, m.chat_id): m for m in marks}, at)


async def position(connection: AsyncConnection[Any], user_id: str) -> Position:
    """The position that the user's room is folded up to."""
    at = await (await connection.execute(_POSITION, [USER_ROOM + user_id])).fetchone()
    return Position(*at) if at else Position.ZERO


async def bare_chats(connection: AsyncConnection[Any], chat_ids: Sequence[str]) -> dict[str, StoredChat]:
    """Chats by id, as their lines need them: of their messages only role and timestamp."""
    rows = await (await connection.execute(_TOUCHED, [list(chat_ids)])).fetchall()
    return {row[0]: _bare(row) for row in rows}


def _bare(row: tuple[Any, ...]) -> StoredChat:
    chat_id, user_id, title, created_at, updated_at, deleted, messages = row
    return StoredChat(
        id=chat_id,
        user_id=user_id,
        title=title,
        created_at=created_at,
        updated_at=updated_at,
        deleted=deleted,
        messages={key: StoredMessage(key, role=role, timestamp=at) for key, role, at in messages},
    )
