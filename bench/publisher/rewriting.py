"""Emitting as Open WebUI 0.12's emitter does with a `message` event, rebuilt from its description: the stored chat is
one JSON document and its messages are rows beside it; every event reads and writes both, then is published.

Per event: all message rows of the chat are selected; then, in one transaction, the chat is selected, the message's row
is selected and updated, and the chat's JSON is updated whole. Text is searched for NUL characters before it is stored.
Bare psycopg stands for SQLAlchemy here, which makes this cheaper than the original.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from bench.publisher.payload import Payloads
from bench.publisher.raw import RawWay, raw

SCHEMA = """
CREATE TABLE owui_chat (id text PRIMARY KEY, user_id text, title text, chat json, updated_at bigint);
CREATE TABLE owui_chat_message (id text PRIMARY KEY, chat_id text, role text, content text, updated_at bigint);
CREATE INDEX ON owui_chat_message (chat_id)
"""


class RewritingWay:
    """One event after another, as one answer's emitter awaits each."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], published: RawWay) -> None:
        self._connection = connection
        self._published = published

    async def emit(self, due: Sequence[Payloads]) -> None:
        for payloads in due:
            await self._store(payloads.room.chat, payloads.room.message, payloads.content())
            await self._published.emit([payloads])

    async def _store(self, chat_id: str, message_id: str, text: str) -> None:
        row_id = f"{chat_id}-{message_id}"
        cursor = self._connection.cursor()
        await cursor.execute(
            "SELECT id, role, content, updated_at FROM owui_chat_message WHERE chat_id = %s", [chat_id]
        )
        await cursor.fetchall()
        async with self._connection.transaction():
            await cursor.execute("SELECT chat FROM owui_chat WHERE id = %s FOR UPDATE", [chat_id])
            (chat,) = await _row(cursor)
            await cursor.execute("SELECT content FROM owui_chat_message WHERE id = %s", [row_id])
            (content,) = await _row(cursor)
            message = chat["history"]["messages"][message_id]
            message["content"] = content + text
            clean = without_nul(chat)
            update = "UPDATE owui_chat_message SET content = %s, updated_at = 1 WHERE id = %s"
            await cursor.execute(update, [message["content"], row_id])
            await cursor.execute(
                "UPDATE owui_chat SET chat = %s, updated_at = 1 WHERE id = %s", [json.dumps(clean), chat_id]
            )

    async def flush(self) -> None:
        await self._published.flush()


async def _row(cursor: psycopg.AsyncCursor[Any]) -> Any:
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("no such chat, or no such message in it")
    return row


def without_nul(value: Any) -> Any:
    """The value with NUL characters taken out of all of its strings: PostgreSQL stores none."""
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, dict):
        return {name: without_nul(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_nul(inner) for inner in value]
    return value


@asynccontextmanager
async def rewriting(redis_url: str, database_url: str) -> AsyncIterator[RewritingWay]:
    """The way to the database at `database_url`, which has SCHEMA and the chats, and to Redis."""
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection,
        raw(redis_url, "room pubsub") as published,
    ):
        yield RewritingWay(connection, published)
