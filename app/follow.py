"""Following a room outside Socket.IO: a feed whose sink is a bounded queue that an HTTP response empties."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from app.feed import Feed
from app.hub import HistoryGone, Hub
from streams.entry import Entry, Position
from streams.errors import LogUnavailable

WAITING_ENTRIES = 500
KEEPALIVE_S = 15.0


class Follower:
    """Follows one room from a position on. It feeds itself from the log whenever its reader lets the queue fill up."""

    def __init__(self, hub: Hub, room: str, after: Position) -> None:
        self._hub = hub
        self._queue: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._feed = Feed(self, sid="", cut=after)
        self._feed.on_behind = self._wake.set
        hub.enter(self._feed, room, after)

    def write(self, entry: Entry) -> None:
        self._queue.append(entry)
        self._wake.set()

    def is_full(self) -> bool:
        return len(self._queue) >= WAITING_ENTRIES

    async def drained(self) -> None:
        """Called by our own `entries`, which has emptied the queue before."""

    async def entries(self) -> AsyncIterator[Entry | None]:
        """Entries in order, for ever; None when nothing came for a while. Ends when the log cannot go on: the client
        comes back with its last position and is told."""
        while not self._feed.closed:
            while self._queue:
                yield self._queue.popleft()
            try:
                if not self._feed.live:
                    await self._hub.step(self._feed)
                    continue
                self._wake.clear()
                await asyncio.wait_for(self._wake.wait(), KEEPALIVE_S)
            except TimeoutError:
                yield None
            except (HistoryGone, LogUnavailable):
                return

    def close(self) -> None:
        """Stop following: `entries` ends. May be called twice."""
        self._hub.remove(self._feed)
        self._wake.set()
