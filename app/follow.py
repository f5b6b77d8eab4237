"""Following a room outside Socket.IO: a feed whose sink is a bounded queue that an HTTP response empties."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Container, Iterator
from typing import Any

from app.auth import Identity
from app.feed import Feed
from app.hub import HistoryGone, Hub
from registry.revocation import Claim
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
        """Stop following, in this turn of the loop; nothing that waits is handed out. May be called twice."""
        self._hub.remove(self._feed)
        self._queue.clear()
        self._wake.set()


class Followers:
    """The node's followers, so that orders about users reach these too: they are cut off, and come back or do not."""

    def __init__(self) -> None:
        self._of: dict[Follower, tuple[Identity, str]] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[Follower]:
        return iter(tuple(self._of))

    def add(self, follower: Follower, identity: Identity, room: str) -> None:
        self._of[follower] = (identity, room)

    def close(self, follower: Follower) -> None:
        """Stop a follower and forget it. May be called twice."""
        self._of.pop(follower, None)
        follower.close()

    def obey(self, order: dict[str, Any]) -> None:
        """Cut off the followers whom an order takes out of a room, disconnects, or gives another role."""
        for follower, (identity, room) in list(self._of.items()):
            meant = identity.user_id in order.get("users", ()) or identity.jti in order.get("tokens", ())
            place = (order["do"], order.get("room"))
            if (meant and (order["do"] in ("disconnect", "role") or place == ("leave", room))) or place == (
                "close",
                room,
            ):
                self.close(follower)

    @property
    def claims(self) -> set[Claim]:
        return {identity.claim for identity, _room in self._of.values()}

    def close_expired(self, now: float) -> None:
        """Cut off the followers whose tokens have expired."""
        for follower in [f for f, (identity, _room) in self._of.items() if identity.has_expired(now)]:
            self.close(follower)

    def close_revoked(self, revoked: Container[Claim]) -> None:
        """Cut off the followers whose tokens were revoked."""
        for follower in [f for f, (identity, _room) in self._of.items() if identity.claim in revoked]:
            self.close(follower)
