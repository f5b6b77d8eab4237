"""Leases: one holder at a time, who must keep saying that it is alive."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from streams.ending import end
from streams.errors import LogError, LogUnavailable
from streams.link import Client, Link, retrying, run_script


class LeaseLost(LogError):
    """The lease ran out, or went to somebody else, while its work was under way. The work was cancelled."""


class Lease:
    """A named lease in Redis, with a random token that only its holder knows.

    A holder whose process is suspended may wake up when another holds the lease already: it is cancelled as soon as
    its loop turns, but the work itself must do no harm when two do it for a moment.
    """

    def __init__(self, link: Link, client: Client, name: str, ttl_s: float = 10.0) -> None:
        self.name = name
        self._client = client
        self._key = link.keys.lease(name)
        self._ttl_s = ttl_s
        self.token = ""
        """While it is held: what Redis has for it. A script that is given it can refuse a holder that lost it."""

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Do the work while holding the lease; False, and nothing was done, when somebody else holds it.

        Raises LeaseLost, after the work was cancelled, when the lease could not be kept; LogUnavailable when it
        could not be asked for; and whatever the work raises. The lease is given up at the end, also when cancelled.
        """
        token = secrets.token_hex(16)
        asked_at = asyncio.get_running_loop().time()
        if not await self._acquire(token):
            return False
        self.token = token
        doing = asyncio.create_task(work())
        keeping = asyncio.create_task(self._keep(token, asked_at))
        try:
            await asyncio.wait((doing, keeping), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                keeping.result()  # raises why it could not be kept
            doing.result()
        finally:
            await _end(doing, keeping)
            self.token = ""
            await self._release(token)
        return True

    async def _acquire(self, token: str) -> bool:
        """Once only: an answer that is lost leaves a lease that nobody holds until it runs out."""
        args = [token, int(self._ttl_s * 1000)]
        return bool(await retrying(lambda: run_script(self._client, "lease_take", [self._key], args), self._ttl_s / 3))

    async def _keep(self, token: str, held_at: float) -> None:
        """Renew until cancelled. Raises LeaseLost before anybody else can have the lease."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._ttl_s / 3)
            asked_at = loop.time()
            try:
                async with asyncio.timeout_at(held_at + self._ttl_s):
                    held = await retrying(lambda: self._tell(token, self._ttl_s), self._ttl_s / 2)
            except (TimeoutError, LogUnavailable) as fault:
                raise LeaseLost(f"the lease {self.name} could not be renewed in {self._ttl_s:g} s") from fault
            if not held:
                raise LeaseLost(f"the lease {self.name} went to somebody else")
            held_at = asked_at

    async def _release(self, token: str) -> None:
        try:
            await retrying(lambda: self._tell(token, 0), 1.0)
        except LogUnavailable:
            return  # it runs out by itself within its time to live: that is what it has one for

    async def _tell(self, token: str, ttl_s: float) -> bool:
        return bool(await run_script(self._client, "lease", [self._key], [token, int(ttl_s * 1000)]))


async def _end(*tasks: asyncio.Task[None]) -> None:
    await end(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: the caller raises what matters
