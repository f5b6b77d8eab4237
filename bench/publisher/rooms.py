"""Emitting to Roomlog's rooms by their names, and putting users into rooms by orders to all nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import orjson

from bench.publisher.payload import EVENT, Payloads
from streams.append import Appended, Appender, NewEntry
from streams.ending import end
from streams.keys import CONTROL_ROOM, Keys
from streams.link import Link

ENTRIES = 1_000_000
"""Of a room, and of the shard's log: orders to enter 100,000 rooms are as many entries of one room."""


class RoomsWay:
    """Appends to the rooms themselves: what they cost is to be seen, and no chat's owner."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender

    async def emit(self, due: Sequence[Payloads]) -> None:
        await self._append(NewEntry(payloads.room.name, EVENT, payloads.json().encode()) for payloads in due)

    async def flush(self) -> None:
        """Nothing is left unanswered."""

    async def enter(self, rooms: Iterable[tuple[str, str]]) -> None:
        """Order users into rooms, (room, user) each, as `enter_room_for_users` does, but without waiting for the nodes
        to have done so, and without a note for sessions that are away."""
        orders = ({"do": "enter", "room": room, "users": [user]} for room, user in rooms)
        await self._append(NewEntry(CONTROL_ROOM, "order", orjson.dumps(order)) for order in orders)

    async def _append(self, entries: Iterable[NewEntry]) -> list[Appended]:
        return await asyncio.gather(*(self._appender.append(entry) for entry in entries))


@asynccontextmanager
async def rooms(redis_url: str) -> AsyncIterator[RoomsWay]:
    """The way to Roomlog's log at `redis_url`."""
    link = Link(redis_url, Keys())
    appender = Appender(link, room_cap=ENTRIES, log_length=ENTRIES)
    running = asyncio.create_task(appender.run())
    try:
        yield RoomsWay(appender)
    finally:
        await end([running])
        await link.aclose()
