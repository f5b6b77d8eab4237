"""The reaper: one worker at a time drops what dead nodes left in the registry."""

from __future__ import annotations

import asyncio
import logging

from registry.lease import Lease, LeaseLost
from registry.orphans import Orphans
from streams.errors import LogUnavailable
from workers.config import WorkerConfig
from workers.tally import paused

log = logging.getLogger("roomlog.reaper")

LEASE = "reaper"


class Reaper:
    """The lease is renewed while it works, released only by its holder, and every removal is fenced by it."""

    def __init__(self, lease: Lease, orphans: Orphans, config: WorkerConfig, stop: asyncio.Event) -> None:
        self._lease = lease
        self._orphans = orphans
        self._config = config
        self._stop = stop

    async def run(self) -> None:
        """Reap until stopped, whenever no other worker does."""
        while not self._stop.is_set():
            try:
                await self._lease.run(self.reap_once)
            except (LogUnavailable, LeaseLost) as fault:
                log.warning("orphans are reaped the next time: %s", fault)
            await paused(self._stop, self._config.reap_every_s)

    async def reap_once(self) -> None:
        """One round. Raises LogUnavailable."""
        count = await self._orphans.reap(self._lease.token)
        if count:
            log.info("%d entries of sessions, models and completions that are gone were dropped", count)
