"""Asking the database until it answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from archive.errors import ArchiveUnavailable
from workers.tally import Tally, paused

log = logging.getLogger("roomlog.worker")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
"""Between two tries while a server is away."""

T = TypeVar("T")


class Stopped(Exception):
    """The worker was told to stop while the database was away: what it holds is left for another worker."""


class Patience:
    """tally: told whether the database answers. stop: ends the patience."""

    def __init__(self, tally: Tally, stop: asyncio.Event) -> None:
        self._tally = tally
        self._stop = stop

    async def ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a call that may be repeated. Raises Stopped, and whatever the call does, but not that the
        database is away."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                answer = await call()
            except ArchiveUnavailable as fault:
                self._tally.sql_ok = False
                log.warning("the database is away, holding a document: %s", fault)
            else:
                self._tally.sql_ok = True
                return answer
            if self._stop.is_set():
                raise Stopped
            await paused(self._stop, pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
