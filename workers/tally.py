"""What a worker counts and reports of itself every second, for readyz and metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass

from streams.errors import LogUnavailable
from streams.keys import Keys
from streams.link import Client, retrying
from streams.rooms import Rooms
from workers import __version__

log = logging.getLogger("roomlog.worker")

REPORT_EVERY_S = 1.0
FORGET_AFTER_S = 60.0
"""A worker that was silent for this long has died; its report is removed."""


@dataclass(slots=True)
class Tally:
    """The counts of one worker process since its start. Only its own loops write it.

    lost: times that entries were missing from the log before they were folded. parked: poison entries.
    quarantined: updates of documents that no sandbox survived.
    sql_ok: whether the last transaction found the database. log_ok: whether the last report was taken.
    oldest_ms: position of the oldest entry in hand, or 0.
    """

    folded_entries: int = 0
    transactions: int = 0
    parked: int = 0
    quarantined: int = 0
    lost: int = 0
    jobs_held: int = 0
    sql_ok: bool = True
    log_ok: bool = True
    oldest_ms: int = 0

    def in_hand_s(self) -> float:
        """How long ago the oldest entry in hand was appended."""
        return max(time.time() - self.oldest_ms / 1000, 0.0) if self.oldest_ms else 0.0


class Reports:
    """The reports of all workers: hash worker -> JSON."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._key = keys.workers
        self._client = client

    async def put(self, worker: str, tally: Tally, queue_age_s: float) -> None:
        report = {
            "time": time.time(),
            "folded_entries": tally.folded_entries,
            "transactions": tally.transactions,
            "parked": tally.parked,
            "quarantined": tally.quarantined,
            "lost": tally.lost,
            "lag_s": round(max(queue_age_s, tally.in_hand_s()), 3),
            "jobs_held": tally.jobs_held,
            "sql_ok": tally.sql_ok,
            "version": __version__,
        }
        await retrying(lambda: self._client.hset(self._key, worker, json.dumps(report)), 1.0)

    async def remove(self, worker: str) -> None:
        await retrying(lambda: self._client.hdel(self._key, worker), 1.0)

    async def remove_dead(self) -> None:
        """Remove the reports of workers that have been silent for a minute."""
        raw = await retrying(lambda: self._client.hgetall(self._key))
        for worker, report in raw.items():
            if time.time() - json.loads(report)["time"] > FORGET_AFTER_S:
                await retrying(lambda name=worker: self._client.hdel(self._key, name))  # type: ignore[misc]


class Reporter:
    """Reports one worker's tally."""

    def __init__(self, worker: str, tally: Tally, reports: Reports, rooms: Rooms, stop: asyncio.Event) -> None:
        self._worker = worker
        self._tally = tally
        self._reports = reports
        self._rooms = rooms
        self._stop = stop

    async def run(self) -> None:
        """Report every second until stopped, then take the report away."""
        while not self._stop.is_set():
            try:
                await self._reports.put(self._worker, self._tally, await self._rooms.oldest_job_age_s())
                self._tally.log_ok = True
            except LogUnavailable as fault:
                self._tally.log_ok = False
                log.warning("cannot report: %s", fault)
            await paused(self._stop, REPORT_EVERY_S)
        try:
            await self._reports.remove(self._worker)
        except LogUnavailable as fault:
            log.warning("the last report stays until it is swept: %s", fault)


async def paused(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until told to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
