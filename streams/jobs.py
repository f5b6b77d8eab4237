"""The job stream: which rooms have entries to fold, and who folds them.

An append queues its room once. Holding a room's job means owning the room: the holder reads what follows the position
that SQL has (streams/backlog.py), commits, and releases the job. A job whose holder died is claimed by another worker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions as redis_errors

from streams.entry import Position
from streams.keys import JOB_GROUP
from streams.link import Client, Link, retrying, run_script

READ_ROOMS = 100
"""Rooms of one read or script: bounds how long it holds the server."""


@dataclass(frozen=True, slots=True)
class Job:
    """id: the job's ID in the job stream. room: whose entries wait."""

    id: str
    room: str


class Jobs:
    """The job stream as one worker sees it. `consumer` is that worker's unique name.

    Reading and claiming are not repeated inside: a lost answer's jobs are claimed later. All raise LogUnavailable.
    """

    def __init__(self, link: Link, client: Client, consumer: str) -> None:
        self._keys = link.keys
        self._client = client
        self.consumer = consumer

    async def ensure_group(self) -> None:
        """Create the workers' group from the beginning of the stream; no harm if it is there.

        A full server does not say whether it is: a worker that starts then goes on, to make room; `take` will tell.
        """

        async def create() -> None:
            with contextlib.suppress(redis_errors.OutOfMemoryError):
                await self._create()

        await retrying(create)

    async def take(self, count: int, block_ms: int) -> list[Job]:
        """Jobs that nobody holds, at most `count`; waits up to `block_ms` for the first. May return none."""
        return await retrying(lambda: self._take(count, block_ms))

    async def _take(self, count: int, block_ms: int) -> list[Job]:
        try:
            answer = await self._client.xreadgroup(
                JOB_GROUP, self.consumer, {self._keys.jobs: ">"}, count=count, block=block_ms
            )
        except redis_errors.ResponseError as fault:
            if not str(fault).startswith("NOGROUP"):
                raise
            await self._create()
            return []
        return _jobs(answer[0][1]) if answer else []

    async def claim(self, idle_ms: int, count: int) -> list[Job]:
        """Jobs whose holder has not been heard of for `idle_ms`, at most `count`. Looks at every job that is held."""
        claimed: list[Job] = []
        cursor = "0-0"
        while len(claimed) < count:
            cursor, items, *_ = await retrying(lambda at=cursor: self._claim(idle_ms, at, count))  # type: ignore[misc]
            claimed += _jobs(items)
            if cursor in (b"0-0", "0-0"):
                break
        return claimed

    async def _claim(self, idle_ms: int, start: str, count: int) -> Any:
        try:
            return await self._client.xautoclaim(self._keys.jobs, JOB_GROUP, self.consumer, idle_ms, start, count=count)
        except redis_errors.ResponseError as fault:
            if not str(fault).startswith("NOGROUP"):
                raise
            await self._create()
            return "0-0", []

    async def hold(self, jobs: Sequence[Job]) -> None:
        """Say that these jobs are still being worked on, so that nobody claims them."""
        if jobs:
            ids = [job.id for job in jobs]
            await retrying(
                lambda: self._client.xclaim(self._keys.jobs, JOB_GROUP, self.consumer, 0, ids, idle=0, justid=True)
            )

    async def release(self, committed: Mapping[Job, Position]) -> set[str]:
        """End jobs, one per room; their rooms are committed up to these positions.

        Returns the rooms that had newer entries and were queued again, behind all that wait.
        """
        names = self._keys
        jobs = list(committed)
        again: set[str] = set()
        for start in range(0, len(jobs), READ_ROOMS):
            some = jobs[start : start + READ_ROOMS]
            keys = [names.jobs, names.queued, names.folded, *(names.room(job.room) for job in some)]
            args = [JOB_GROUP, *(arg for job in some for arg in (job.id, job.room, str(committed[job])))]
            answers = await retrying(lambda keys=keys, args=args: run_script(self._client, "release", keys, args))  # type: ignore[misc]
            again |= {job.room for job, queued in zip(some, answers, strict=True) if queued}
        return again

    async def drop(self, jobs: Sequence[Job]) -> None:
        """End jobs whose rooms have another job in the caller's hands."""
        if not jobs:
            return

        async def drop() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.xack(self._keys.jobs, JOB_GROUP, *(job.id for job in jobs))
            pipe.xdel(self._keys.jobs, *(job.id for job in jobs))
            await pipe.execute()

        await retrying(drop)

    async def requeue(self, room: str, committed: Position) -> bool:
        """Queue a room that has newer entries and no job. Returns True when it did."""
        names = self._keys
        keys = [names.jobs, names.queued, names.room(room)]
        return bool(await retrying(lambda: run_script(self._client, "requeue", keys, [room, str(committed)])))

    async def without_job(self, rooms: Sequence[str]) -> list[str]:
        """Those of the rooms that are not queued; all of them, while jobs are missing and it is not known whose."""
        if not rooms:
            return []

        async def look() -> tuple[list[int], int, int]:
            pipe = self._client.pipeline(transaction=True)
            pipe.smismember(self._keys.queued, list(rooms))
            pipe.xlen(self._keys.jobs)
            pipe.scard(self._keys.queued)
            queued, jobs, rooms_queued = await pipe.execute()
            return queued, jobs, rooms_queued

        queued, jobs, rooms_queued = await retrying(look)
        missing = jobs < rooms_queued
        return [room for room, is_queued in zip(rooms, queued, strict=True) if missing or not is_queued]

    async def waiting(self) -> int:
        """How many jobs there are, held or not."""
        return int(await retrying(lambda: self._client.xlen(self._keys.jobs)))

    async def forget_consumers(self, idle_ms: int) -> list[str]:
        """Remove consumers without jobs that have been silent for `idle_ms` (dead workers' names); returns them."""
        consumers = await retrying(lambda: self._client.xinfo_consumers(self._keys.jobs, JOB_GROUP))
        silent = [c["name"].decode() for c in consumers if c["pending"] == 0 and c["idle"] > idle_ms]
        return [name for name in silent if await self._forget(name)]

    async def leave(self) -> bool:
        """Remove this worker's consumer. False, and it stays, while it holds jobs: another worker claims them."""
        return await self._forget(self.consumer)

    async def _forget(self, consumer: str) -> bool:
        args = [JOB_GROUP, consumer]
        return bool(await retrying(lambda: run_script(self._client, "forget", [self._keys.jobs], args)))

    async def _create(self) -> None:
        try:
            await self._client.xgroup_create(self._keys.jobs, JOB_GROUP, id="0", mkstream=True)
        except redis_errors.ResponseError as fault:
            if not str(fault).startswith("BUSYGROUP"):
                raise


def _jobs(items: Any) -> list[Job]:
    return [Job(item_id.decode(), fields[b"room"].decode()) for item_id, fields in items if fields]
