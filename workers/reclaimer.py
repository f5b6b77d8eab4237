"""The reclaimer: takes over the jobs of workers that died."""

from __future__ import annotations

import asyncio
import logging

from streams.errors import LogUnavailable
from streams.jobs import Jobs
from workers.config import WorkerConfig
from workers.persister import Persister, Stopped
from workers.tally import Tally, paused

log = logging.getLogger("roomlog.reclaimer")

CLAIM_JOBS = 100


class Reclaimer:
    """Claims jobs whose holder is silent and has them folded."""

    def __init__(
        self, jobs: Jobs, persister: Persister, config: WorkerConfig, tally: Tally, stop: asyncio.Event
    ) -> None:
        self._jobs = jobs
        self._persister = persister
        self._config = config
        self._tally = tally
        self._stop = stop

    async def run(self) -> None:
        """Look twice per `claim_after_s` until stopped."""
        while not self._stop.is_set():
            try:
                while await self.reclaim_once() and not self._stop.is_set():
                    pass
            except LogUnavailable as fault:
                log.warning("the log is away; claimed jobs are claimed again: %s", fault)
            except Stopped:
                return
            await paused(self._stop, self._config.claim_after_s / 2)

    async def reclaim_once(self) -> int:
        """Fold what dead workers held. Returns how many jobs that were. Raises as `Persister.persist`."""
        idle_ms = int(self._config.claim_after_s * 1000)
        jobs = await self._jobs.claim(idle_ms, CLAIM_JOBS)
        if jobs:
            log.info("taking over %d jobs of workers that are silent", len(jobs))
            self._tally.claims += len(jobs)
            await self._persister.persist(jobs)
        # A worker waits for a job no longer than a second at a time, so a live one is never this silent.
        for name in await self._jobs.forget_consumers(max(idle_ms * 6, 60_000)):
            log.info("worker %s is gone", name)
        return len(jobs)
