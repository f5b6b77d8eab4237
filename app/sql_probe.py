"""Whether the database answers, asked so that nobody waits for one that is silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from archive.errors import ArchiveError
from streams.ending import end

PATIENCE_S = 2.0
"""Below what probes and Prometheus wait for an answer."""


class SqlProbe:
    """One question at a time, whoever asks; a silent database is not asked again before that ends.

    A question is not cancelled for its asker's sake: to cancel one, psycopg asks the server, which is silent.
    ping: returns when the database answers, or raises ArchiveError. spawn: runs a coroutine in the node's task group.
    """

    def __init__(
        self,
        ping: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._ping = ping
        self._spawn = spawn
        self._asking: asyncio.Task[None] | None = None
        self._since = 0.0
        self._fault = ""

    async def fault(self) -> str:
        """Why the database cannot be used, after PATIENCE_S at most; "" when it can."""
        now = asyncio.get_running_loop().time
        asking = self._asking
        if asking is None or asking.done():
            self._since = now()
            asking = self._asking = self._spawn(self._ask())
        await asyncio.wait({asking}, timeout=PATIENCE_S)
        return self._fault if asking.done() else f"PostgreSQL has not answered for {now() - self._since:.0f} s"

    async def _ask(self) -> None:
        try:
            await self._ping()
            self._fault = ""
        except ArchiveError as fault:
            self._fault = str(fault)

    async def aclose(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            await end([self._asking])
