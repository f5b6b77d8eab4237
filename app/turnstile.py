"""The turnstile: how many clients are let in at a time when all come back at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app import metrics


class TurnedAway(Exception):
    """The client waited for too long to be let in. It comes back by itself, when fewer do."""


class Turnstile:
    """at_once: clients that are being let in; the others wait in line, `wait_s` at most.

    Whoever waits is not read from, so that the wait must end before its pings are due. What is live goes on meanwhile:
    between two turns of the loop no more than `at_once` clients are worked for.
    """

    def __init__(self, at_once: int, wait_s: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._wait_s = wait_s
        self._inside = self._most = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place, first come, first served. Raises TurnedAway."""
        with metrics.WAITING.track_inprogress():
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._places.acquire()
            except TimeoutError as fault:
                raise TurnedAway(f"not let in within {self._wait_s:g} s") from fault
        try:
            self._count(1)
            yield
        finally:
            self._count(-1)
            self._places.release()

    def _count(self, more: int) -> None:
        self._inside += more
        self._most = max(self._most, self._inside)
        metrics.ADMITTING.set(self._inside)
        metrics.ADMITTING_MOST.set(self._most)
