"""Chats of others that a user was given access to: what is stored of them. Marks in the user's room say where to look,
the grants in the owners' rooms decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from archive import chat_list
from archive.chat import ChatSummary, StoredChat
from archive.chat_marks import CHAT_MARKS, ChatMark
from archive.fold import USER_ROOM, apply
from archive.patches import Changes
from archive.sharing import CHAT_ROOM, GRANTS, Grant
from archive.tables import Key, patched_rows
from streams.entry import Position


@dataclass(frozen=True, slots=True)
class SharedLine:
    """A chat as a user has it who was given access. permission: "read" or "write"."""

    summary: ChatSummary
    owner: str
    permission: str


@dataclass(frozen=True, slots=True)
class SharedOf:
    """Some chats of one owner, and the grants on them of one user, as of `position` of the owner's room.

    Of the chats' messages only role and timestamp were read.
    """

    user_id: str
    owner: str
    chats: Mapping[str, StoredChat]
    grants: Mapping[Key, Grant]
    position: Position

    def lines(self, read_at: Mapping[str, int], changes: Changes) -> list[SharedLine]:
        """After what the owner's room has behind `position`. read_at: chat -> Unix second up to which it was read."""
        grants = patched_rows(GRANTS, self.grants, changes.rows)
        found = []
        for chat_id, last_read_at in read_at.items():
            grant = grants.get((CHAT_ROOM + chat_id, self.user_id))
            stored = self.chats.get(chat_id) or StoredChat.empty(chat_id, self.owner)
            chat = apply(stored, changes) if stored.user_id == self.owner else stored
            if grant is not None and chat.user_id == self.owner and chat.created_at and not chat.deleted:
                found.append(SharedLine(ChatSummary.of(chat, last_read_at), self.owner, grant.permission))
        return found


# The user's own chats are not shared with it, and those that are gone need no looking.
_MARKS = f"""
    SELECT coalesce(r.ms, 0), coalesce(r.seq, 0),
        (SELECT coalesce(jsonb_agg(to_jsonb(k)), '[]')
         FROM {CHAT_MARKS.name} k LEFT JOIN chats c ON c.id = k.chat_id
         WHERE k.user_id = a.id AND (c.id IS NULL OR c.user_id <> a.id AND NOT c.deleted))
    FROM (SELECT %s::text AS id) a LEFT JOIN rooms r ON r.room = '{USER_ROOM}' || a.id
""".encode()
_GRANTS = b"SELECT room, user_id, permission FROM grants WHERE user_id = %s AND room = ANY(%s)"


async def marks(connection: AsyncConnection[Any], user_id: str) -> tuple[Position, dict[Key, ChatMark]]:
    row = await (await connection.execute(_MARKS, [user_id])).fetchone()
    assert row is not None
    return Position(row[0], row[1]), {(m["user_id"], m["chat_id"]): ChatMark(**m) for m in row[2]}


async def read(connection: AsyncConnection[Any], user_id: str, owner: str, chat_ids: Sequence[str]) -> SharedOf:
    """What is stored of one moment."""
    async with connection.transaction():
        await connection.execute(chat_list.ISOLATED)
        position = await chat_list.position(connection, owner)
        chats = await chat_list.bare_chats(connection, chat_ids)
        async with connection.cursor(row_factory=class_row(Grant)) as cursor:
            rooms = [CHAT_ROOM + chat_id for chat_id in chat_ids]
            grants = await (await cursor.execute(_GRANTS, [user_id, rooms])).fetchall()
    return SharedOf(user_id, owner, chats, {(grant.room, grant.user_id): grant for grant in grants}, position)
