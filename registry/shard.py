"""The shard in numbers, read in two round trips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streams.entry import Position
from streams.keys import Keys
from streams.link import Client, now_ms, retrying


@dataclass(frozen=True, slots=True)
class ShardNumbers:
    """Of one moment, by the server's clock. rooms: known to the log. waiting_jobs: rooms that a worker has in hand or
    that wait for one; oldest_job_s: since the oldest of them was queued. tasks, users: running, connected.

    appended: entries ever, by anybody; None on servers that do not count (Redis below 7).
    """

    time_ms: int
    rooms: int
    waiting_jobs: int
    oldest_job_s: float
    dead_letters: int
    tasks: int
    users: int
    appended: int | None


class Shard:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def numbers(self, deadline_s: float = 2.0) -> ShardNumbers:
        return await retrying(self._numbers, deadline_s)

    async def _numbers(self) -> ShardNumbers:
        keys, now = self._keys, await now_ms(self._client)
        pipe = self._client.pipeline(transaction=False)
        pipe.hlen(keys.heads)
        pipe.xlen(keys.jobs)
        pipe.xrange(keys.jobs, count=1)
        pipe.xlen(keys.dead)
        pipe.zcount(keys.task_leases, f"({now}", "+inf")
        pipe.zcount(keys.users, now, "+inf")
        pipe.xinfo_stream(keys.log)
        rooms, jobs, oldest, dead, tasks, users, log = await pipe.execute()
        return ShardNumbers(now, rooms, jobs, _age_s(oldest, now), dead, tasks, users, log.get("entries-added"))


def _age_s(oldest: Any, now: int) -> float:
    return max(now - Position.parse(oldest[0][0]).ms, 0) / 1000 if oldest else 0.0
