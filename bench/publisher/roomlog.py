"""Emitting to Roomlog: its own Python API, as a script or a job would use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from app.producer import EmitEvent, producer
from bench.publisher.payload import KIND, Payloads

AT_ONCE = 2000
"""Emits that may be unanswered."""


class Emitters(Protocol):
    """Who has emitters: a Producer."""

    async def get_event_emitter(self, request_info: Mapping[str, Any]) -> EmitEvent:
        """See Producer."""


class RoomlogWay:
    """An emitter a room, all emits of a turn at once: they share round trips."""

    def __init__(self, made: Emitters) -> None:
        self._producer = made
        self._emitters: dict[int, EmitEvent] = {}
        self._unanswered: set[asyncio.Task[str | None]] = set()
        self._few = asyncio.Event()

    async def emit(self, due: Sequence[Payloads]) -> None:
        for payloads in due:
            emitter = self._emitters.get(payloads.room.number) or await self._emitter(payloads)
            task = asyncio.ensure_future(emitter({"type": KIND, "data": {"content": payloads.content()}}))
            self._unanswered.add(task)
            task.add_done_callback(self._answered)
        if len(self._unanswered) > AT_ONCE:
            self._few.clear()
            await self._few.wait()

    def _answered(self, task: asyncio.Task[str | None]) -> None:
        self._unanswered.discard(task)
        if len(self._unanswered) <= AT_ONCE:
            self._few.set()
        task.result()

    async def _emitter(self, payloads: Payloads) -> EmitEvent:
        room = payloads.room
        info = {"user_id": room.user, "chat_id": room.chat, "message_id": room.message}
        emitter = self._emitters[room.number] = await self._producer.get_event_emitter(info)
        return emitter

    async def flush(self) -> None:
        if self._unanswered:
            await asyncio.gather(*self._unanswered)


@asynccontextmanager
async def roomlog(redis_url: str, append_pause_ms: float = 2.0) -> AsyncIterator[RoomlogWay]:
    """The way to Roomlog's log at `redis_url`."""
    async with producer(redis_url, append_pause_ms=append_pause_ms) as made:
        way = RoomlogWay(made)
        yield way
        await way.flush()
