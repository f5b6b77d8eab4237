"""What a worker counts and reports of itself every second."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

import psutil

from registry.workers import WorkerFacts, Workers
from streams.errors import LogUnavailable
from streams.rooms import Rooms
from workers import __version__

log = logging.getLogger("roomlog.worker")

REPORT_EVERY_S = 1.0


@dataclass(slots=True)
class Tally:
    """The counts of one worker process since its start. Only its own loops write it.

    lost: times that entries were missing from the log before they were folded. parked: poison entries.
    quarantined: updates of documents that no sandbox survived. claims: jobs taken over from silent workers.
    sql_ok: whether the last transaction found the database. log_ok: whether the last report was taken.
    oldest_ms: position of the oldest entry in hand, or 0.
    """

    folded_entries: int = 0
    transactions: int = 0
    parked: int = 0
    quarantined: int = 0
    lost: int = 0
    jobs_held: int = 0
    claims: int = 0
    sql_ok: bool = True
    log_ok: bool = True
    oldest_ms: int = 0

    def in_hand_s(self) -> float:
        """How long ago the oldest entry in hand was appended."""
        return max(time.time() - self.oldest_ms / 1000, 0.0) if self.oldest_ms else 0.0


class Reporter:
    """Reports one worker's tally."""

    def __init__(self, worker: str, tally: Tally, workers: Workers, rooms: Rooms, stop: asyncio.Event) -> None:
        self._worker = worker
        self._tally = tally
        self._workers = workers
        self._rooms = rooms
        self._stop = stop
        self._started_ms = int(time.time() * 1000)
        self._process = psutil.Process()
        self._pace = Pace()

    async def run(self) -> None:
        """Report every second until stopped, then take the report away. That it fails is said once."""
        while not self._stop.is_set():
            try:
                await self._workers.report(self._worker, self._facts(await self._rooms.oldest_job_age_s()))
                if not self._tally.log_ok:
                    log.warning("this worker reports itself again: the log answers")
                self._tally.log_ok = True
            except LogUnavailable as fault:
                log.log(
                    logging.WARNING if self._tally.log_ok else logging.DEBUG,
                    "this worker cannot report itself: %s",
                    fault,
                )
                self._tally.log_ok = False
            await paused(self._stop, REPORT_EVERY_S)
        try:
            await self._workers.leave(self._worker)
        except LogUnavailable as fault:
            log.warning("the last report stays until it is swept: %s", fault)

    def _facts(self, queue_age_s: float) -> WorkerFacts:
        tally, (rss_bytes, cpu_s) = self._tally, self._used()
        return WorkerFacts(
            version=__version__,
            started_ms=self._started_ms,
            pid=self._process.pid,
            folded_entries=tally.folded_entries,
            transactions=tally.transactions,
            folded_s=self._pace.of(tally.folded_entries, time.monotonic()),
            lag_s=round(max(queue_age_s, tally.in_hand_s()), 3),
            jobs_held=tally.jobs_held,
            parked=tally.parked,
            quarantined=tally.quarantined,
            lost=tally.lost,
            claims=tally.claims,
            sql_ok=tally.sql_ok,
            rss_bytes=rss_bytes,
            cpu_s=cpu_s,
        )

    def _used(self) -> tuple[int, float] | tuple[None, None]:
        """Bytes of memory, and seconds of CPU time; None where that cannot be told now."""
        try:
            cpu = self._process.cpu_times()
            return self._process.memory_info().rss, round(cpu.user + cpu.system, 2)
        except (OSError, psutil.Error) as fault:  # it takes a file descriptor: there may be none left
            log.warning("this worker cannot look at its own process: %s", fault)
            return None, None


class Pace:
    """How fast a count grows, from one look to the next."""

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None

    def of(self, count: int, now_s: float) -> float | None:
        """By how much a second it grew since the last look; None at the first. now_s: monotonic."""
        last, self._last = self._last, (count, now_s)
        return round((count - last[0]) / (now_s - last[1]), 2) if last and now_s > last[1] else None


async def paused(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
