"""Emitting to Roomlog's rooms by their names, and putting users into rooms as a server does: by orders to all nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app.producer import Producer, producer
from bench.publisher.payload import EVENT, Payloads
from streams.append import Appended, Appender, NewEntry
from streams.ending import end
from streams.keys import Keys
from streams.link import Link

ENTERING = 200
"""Orders that may be under way."""


class RoomsWay:
    """Appends to the rooms themselves: what they cost is to be seen, and no chat's owner."""

    def __init__(self, appender: Appender, made: Producer) -> None:
        self._appender = appender
        self._producer = made
        self._unanswered: set[asyncio.Task[Appended]] = set()

    async def emit(self, due: Sequence[Payloads]) -> None:
        entries = [NewEntry(payloads.room.name, EVENT, payloads.json().encode()) for payloads in due]
        self._unanswered.update(asyncio.ensure_future(self._appender.append(entry)) for entry in entries)
        await self.flush()

    async def flush(self) -> None:
        answered, self._unanswered = self._unanswered, set()
        await asyncio.gather(*answered)

    async def enter(self, rooms: Sequence[tuple[str, str]]) -> None:
        """Put users into rooms, (room, user) each; every node has done so when it returns."""
        gate = asyncio.Semaphore(ENTERING)

        async def one(room: str, user: str) -> None:
            async with gate:
                await self._producer.enter_room_for_users(room, [user])

        await asyncio.gather(*(one(room, user) for room, user in rooms))


@asynccontextmanager
async def rooms(redis_url: str) -> AsyncIterator[RoomsWay]:
    """The way to Roomlog's log at `redis_url`."""
    link = Link(redis_url, Keys())
    appender = Appender(link, room_cap=100_000, log_length=100_000)
    running = asyncio.create_task(appender.run())
    try:
        async with producer(redis_url) as made:
            way = RoomsWay(appender, made)
            yield way
            await way.flush()
    finally:
        await end([running])
        await link.aclose()
