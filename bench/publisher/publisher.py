"""The publisher: what the conductor may ask of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from bench.crowd.credits import CREDIT
from bench.publisher.http import http
from bench.publisher.payload import Payloads, Room
from bench.publisher.raw import raw
from bench.publisher.rewriting import rewriting
from bench.publisher.roomlog import roomlog
from bench.publisher.rooms import RoomsWay
from bench.publisher.rooms import rooms as to_rooms
from bench.publisher.silent import silent
from bench.publisher.way import Opened, Way
from bench.remote import Command

TURN_S = 0.001
"""What is due is emitted once a turn: a paced publisher wakes up no more often."""

PATIENCE_S = 2.0
"""A closed loop that gets no credit for so long has lost events, or the servers hang: it stops and says so."""

BURST = 500


class Publisher:
    """Emits to the rooms that `use` named, in turn."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()
        self._way: Way | None = None
        self._rooms: list[Payloads] = []
        self._at = 0
        self._used = 0

    @property
    def commands(self) -> Mapping[str, Command]:
        return {
            "use": self.use,
            "pace": self.pace,
            "saturate": self.saturate,
            "burst": self.burst,
            "emitted": self.emitted,
            "enter": self.enter,
            "leave": self.leave,
        }

    async def use(
        self,
        kind: str,
        redis_url: str,
        database_url: str,
        urls: list[str],
        rooms: list[dict[str, Any]],
        size: int,
    ) -> dict[str, Any]:
        """Connect a way to emit and name the rooms.

        kind: "roomlog", "roomlog, no pause", "rewriting" (which needs the database), "http" and "http list" (which
        need URLs of nodes), "rooms", "silent", or one of `raw.ENCODERS`. size: see Payloads.
        """
        self._way = await self._open.enter_async_context(_way(kind, redis_url, database_url, urls))
        self._rooms = [Payloads(Room(**room), size) for room in rooms]
        self._used = len(rooms)
        self._at = 0
        return {}

    async def pace(self, rate: float, seconds: float, rooms: int = 0) -> dict[str, Any]:
        """Emit `rate` events a second, evenly, to the first `rooms` rooms (0: to all).

        late_ms: how far the publisher itself was behind at worst.
        """
        self._used, self._at = rooms or len(self._rooms), 0
        way, sent, late_s = self._ready(), 0, 0.0
        started = time.monotonic()
        while sent < int(rate * seconds):
            behind = (time.monotonic() - started) * rate - sent
            if behind >= 1:
                late_s = max(late_s, (behind - 1) / rate)
                due = min(int(behind), int(rate * seconds) - sent)
                await way.emit(self._next(due))
                sent += due
            await asyncio.sleep(TURN_S)
        await way.flush()
        return {"events": sent, "seconds": time.monotonic() - started, "late_ms": late_s * 1000}

    async def saturate(self, seconds: float, in_flight: int, paid_at: str) -> dict[str, Any]:
        """Keep `in_flight` events undelivered, for so long. starved: it gave up waiting for a delivery."""
        way, sent = self._ready(), 0
        started = time.monotonic()
        async with _credits(paid_at) as reader:
            due = in_flight
            while time.monotonic() - started < seconds:
                await way.emit(self._next(due))
                sent += due
                try:
                    paid = await asyncio.wait_for(reader.read(1 << 16), PATIENCE_S)
                    while len(paid) % CREDIT.size:
                        paid += await reader.readexactly(CREDIT.size - len(paid) % CREDIT.size)
                except TimeoutError:
                    return {"events": sent, "seconds": time.monotonic() - started, "starved": True}
                due = sum(number for (number,) in CREDIT.iter_unpack(paid))
        await way.flush()
        return {"events": sent, "seconds": time.monotonic() - started, "starved": False}

    async def burst(self, per_room: int, rooms: int = 0) -> dict[str, Any]:
        """Emit so many events to each of the first `rooms` rooms (0: to all), as fast as the log takes them."""
        way = self._ready()
        self._used, self._at = rooms or len(self._rooms), 0
        started = time.monotonic()
        left = events = per_room * self._used
        while left:
            due = min(left, BURST)
            await way.emit(self._next(due))
            left -= due
            await asyncio.sleep(0)
        await way.flush()
        return {"events": events, "seconds": time.monotonic() - started}

    async def emitted(self) -> dict[str, Any]:
        """How many events every room has had since `use`, by the room's number."""
        return {"rooms": {str(payloads.room.number): payloads.next for payloads in self._rooms}}

    async def enter(self, rooms: list[list[str]]) -> dict[str, Any]:
        """Order users into rooms, [room, user] each, by the way "rooms"; the nodes obey soon."""
        if not isinstance(self._way, RoomsWay):
            raise RuntimeError("only the way to rooms can")
        await self._way.enter((room, user) for room, user in rooms)
        return {}

    async def leave(self) -> dict[str, Any]:
        """Disconnect; everything that was emitted is in the log then."""
        await self._open.aclose()
        self._way = None
        return {}

    def _ready(self) -> Way:
        if self._way is None:
            raise RuntimeError("no way to emit: `use` comes first")
        return self._way

    def _next(self, count: int) -> list[Payloads]:
        start, self._at = self._at, (self._at + count) % self._used
        return [self._rooms[(start + number) % self._used] for number in range(count)]


def _way(kind: str, redis_url: str, database_url: str, urls: list[str]) -> Opened:
    match kind:
        case "roomlog":
            return roomlog(redis_url)
        case "roomlog, no pause":
            return roomlog(redis_url, append_pause_ms=0)
        case "rewriting":
            return rewriting(redis_url, database_url)
        case "http" | "http list":
            return http(urls, several=kind == "http list")
        case "rooms":
            return to_rooms(redis_url)
        case "silent":
            return silent()
        case _:
            return raw(redis_url, kind)


@asynccontextmanager
async def _credits(path: str) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        yield reader
    finally:
        writer.close()
