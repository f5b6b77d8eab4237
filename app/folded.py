"""Waiting until an entry is committed in SQL."""

from __future__ import annotations

import asyncio
import logging

from streams.entry import Position
from streams.errors import LogUnavailable
from streams.rooms import Rooms

log = logging.getLogger("roomlog.folded")

POLL_S = 0.02


class FoldedWaiter:
    """One poller for all who wait (`?ack=sql`); it asks nothing while nobody does."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._waiting: dict[str, list[tuple[Position, asyncio.Future[None]]]] = {}
        self._wake = asyncio.Event()

    async def wait(self, room: str, position: Position, timeout_s: float) -> bool:
        """Return True when the room is folded up to the position, False when it is not within the time."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiter = (position, done)
        self._waiting.setdefault(room, []).append(waiter)
        self._wake.set()
        try:
            await asyncio.wait_for(done, timeout_s)
        except TimeoutError:
            return False
        finally:
            self._forget(room, waiter)
        return True

    def _forget(self, room: str, waiter: tuple[Position, asyncio.Future[None]]) -> None:
        self._waiting[room].remove(waiter)
        if not self._waiting[room]:
            del self._waiting[room]

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            await self._wake.wait()
            if not self._waiting:
                self._wake.clear()
                continue
            try:
                folded = await self._rooms.folded(list(self._waiting))
            except LogUnavailable as fault:
                log.warning("cannot tell what is folded: %s", fault)
            else:
                for room, position in folded.items():
                    for wanted, done in self._waiting.get(room, ()):
                        if wanted <= position and not done.done():
                            done.set_result(None)
            await asyncio.sleep(POLL_S)
