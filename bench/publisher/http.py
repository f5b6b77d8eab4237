"""Emitting to Roomlog over HTTP, as a producer that is not Python does: an event a request, or lists of events.

Requests of one message follow each other, so that its events stay in order; those of different messages overlap.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from urllib.parse import urlsplit

import aiohttp
import orjson

from bench.publisher.payload import KIND, Payloads
from bench.targets.roomlog import token

LIST_EVENTS = 100
"""Of a body: what a producer gathers in a moment."""


class HttpWay:
    """urls: of nodes, used in turn by the rooms. several: lists of events, at most so many a body; 1: single events."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], several: int) -> None:
        self._session = session
        self._urls = cycle(urls)
        self._of_room: dict[int, str] = {}
        self._several = several

    async def emit(self, due: Sequence[Payloads]) -> None:
        """All are in the log when it returns. Raises aiohttp.ClientError."""
        counts: dict[int, int] = {}
        rooms = {payloads.room.number: payloads for payloads in due}
        for payloads in due:
            counts[payloads.room.number] = counts.get(payloads.room.number, 0) + 1
        await asyncio.gather(*(self._emit(rooms[number], count) for number, count in counts.items()))

    async def _emit(self, payloads: Payloads, count: int) -> None:
        room = payloads.room
        url = self._of_room.get(room.number)
        if url is None:
            path = f"/api/v1/chats/{room.chat}/messages/{room.message}/event"
            url = self._of_room[room.number] = next(self._urls) + path
        for start in range(0, count, self._several):
            events = [_event(payloads) for _ in range(min(self._several, count - start))]
            body = orjson.dumps(events if self._several > 1 else events[0])
            async with self._session.post(url, data=body) as answer:
                answer.raise_for_status()
                await answer.read()

    async def flush(self) -> None:
        """Nothing is left unanswered."""


def _event(payloads: Payloads) -> dict[str, object]:
    return {"type": KIND, "data": {"content": payloads.content()}}


@asynccontextmanager
async def http(urls: Sequence[str], several: bool) -> AsyncIterator[HttpWay]:
    """The way to the nodes that have these WebSocket URLs, as an admin."""
    origins = [f"http://{urlsplit(url).netloc}" for url in urls]
    headers = {"Authorization": f"Bearer {token('service', 'admin')}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield HttpWay(session, origins, LIST_EVENTS if several else 1)
