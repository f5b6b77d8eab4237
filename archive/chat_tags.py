"""The tags of a user's chats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from archive.patches import Changes

_TAGS = b"SELECT id, tags FROM chats WHERE user_id = %s AND NOT deleted AND tags <> '[]'"


async def read(connection: AsyncConnection[Any], user_id: str) -> dict[str, list[str]]:
    """The tags of each chat that has some."""
    return dict(await (await connection.execute(_TAGS, [user_id])).fetchall())


def all_tags(stored: Mapping[str, list[str]], changes: Changes) -> list[str]:
    """Every tag once, in alphabetical order, after what the user's room changed since they were read."""
    tags: dict[str, Any] = dict(stored)
    for chat_id, patch in changes.chats.items():
        tags[chat_id] = [] if patch.put.get("deleted") else patch.put.get("tags", tags.get(chat_id, []))
    return sorted({tag for listed in tags.values() for tag in listed})
