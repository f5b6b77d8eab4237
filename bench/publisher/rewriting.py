"""Emitting as Open WebUI 0.12's emitter does with a `message` event, rebuilt from its description: the stored chat is
one JSON document and its messages are rows beside it; every event reads and writes both, then is published.

Per event: all message rows of the chat are selected; then, in a transaction of its own, the chat is selected and
locked, the message's row is selected and updated, and the chat's JSON is updated whole. Strings are searched for NUL
characters before they are stored. By SQLAlchemy's ORM, its rows read into pydantic models, and orjson as the engine's
JSON. Left out, which makes this the cheaper peer: the greenlets of SQLAlchemy's asyncio, and who may write to the chat.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from bench.publisher.payload import Payloads
from bench.publisher.raw import RawWay, raw
from bench.publisher.rewriting_tables import Chat, ChatMessage, ChatMessageModel, ChatModel


def engine_of(database_url: str) -> Engine:
    """SQLAlchemy's engine of a database."""
    url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(
        url, json_serializer=lambda value: orjson.dumps(value).decode(), json_deserializer=orjson.loads
    )


class RewritingWay:
    """One event after another, as one answer's emitter awaits each."""

    def __init__(self, engine: Engine, published: RawWay) -> None:
        self._engine = engine
        self._published = published

    async def emit(self, due: Sequence[Payloads]) -> None:
        for payloads in due:
            self._store(payloads.room.chat, payloads.room.message, payloads.content())
            await self._published.emit([payloads])

    def _store(self, chat_id: str, message_id: str, text: str) -> None:
        message = self._messages(chat_id)[message_id]
        self._write(chat_id, message_id, {"content": str(message.content or "") + text})

    def _messages(self, chat_id: str) -> dict[str, ChatMessageModel]:
        """All of the chat's, by id: what one of them is, is looked up there."""
        with Session(self._engine) as session:
            rows = session.scalars(select(ChatMessage).where(ChatMessage.chat_id == chat_id)).all()
            models = [ChatMessageModel.model_validate(row) for row in rows]
            session.commit()  # after a rollback psycopg forgets what it prepared, and sends statements whole
        return {model.id.removeprefix(f"{chat_id}-"): model for model in models}

    def _write(self, chat_id: str, message_id: str, fields: dict[str, Any]) -> None:
        with Session(self._engine) as session:
            row = session.scalars(select(Chat).where(Chat.id == chat_id).with_for_update()).one()
            chat = ChatModel.model_validate(row).chat
            history = chat["history"]
            messages = {**history["messages"], message_id: {**history["messages"][message_id], **fields}}
            message_row = session.scalars(select(ChatMessage).where(ChatMessage.id == f"{chat_id}-{message_id}")).one()
            message_row.content = fields["content"]
            message_row.updated_at = row.updated_at = time.time_ns()
            row.chat = without_nul({**chat, "history": {**history, "messages": messages}})
            session.commit()

    async def flush(self) -> None:
        await self._published.flush()


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
    """The way to the database at `database_url`, which has the tables and the chats, and to Redis."""
    engine = engine_of(database_url)
    try:
        async with raw(redis_url, "room pubsub") as published:
            yield RewritingWay(engine, published)
    finally:
        engine.dispose()
