"""The job stream: which rooms have entries to fold, and who folds them.

An append queues its room once. Holding a room's job means owning the room: the holder reads the room's stream through
the consumer group `persist`, commits, acknowledges, and releases the job. A job whose holder died is claimed by
another worker; entries that were handed out but not acknowledged are read again first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import exceptions as redis_errors

from streams.entry import Entry, Position
from streams.keys import GROUP, JOB_GROUP
from streams.link import Client, Link, retrying, run_script
from streams.replay import entry_of

OWNER = "owner"
"""The one consumer of a room's group. Whoever holds the job reads as it, so a dead holder's entries need no claim."""


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
        """Create the workers' group from the beginning of the stream; no harm if it is there."""
        await retrying(lambda: self._create(self._keys.jobs, JOB_GROUP))

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
            await self._create(self._keys.jobs, JOB_GROUP)
            return []
        return _jobs(answer[0][1]) if answer else []

    async def claim(self, idle_ms: int, count: int) -> list[Job]:
        """Jobs whose holder has not been heard of for `idle_ms`."""
        answer = await retrying(
            lambda: self._client.xautoclaim(self._keys.jobs, JOB_GROUP, self.consumer, idle_ms, "0-0", count=count)
        )
        return _jobs(answer[1])

    async def hold(self, jobs: Sequence[Job]) -> None:
        """Say that these jobs are still being worked on, so that nobody claims them."""
        if jobs:
            ids = [job.id for job in jobs]
            await retrying(
                lambda: self._client.xclaim(self._keys.jobs, JOB_GROUP, self.consumer, 0, ids, idle=0, justid=True)
            )

    async def read(self, rooms: Sequence[str], count: int) -> dict[str, list[Entry]]:
        """The next entries of rooms that the caller owns, at most `count` of each, in order, handed out or not.

        Entries that an earlier holder was handed and did not acknowledge come first.
        """
        return await retrying(lambda: self._read(rooms, count))

    async def _read(self, rooms: Sequence[str], count: int) -> dict[str, list[Entry]]:
        pipe = self._client.pipeline(transaction=False)
        for room in rooms:
            for start in ("0", ">"):
                pipe.execute_command(
                    "XREADGROUP", "GROUP", GROUP, OWNER, "COUNT", count, "STREAMS", self._keys.room(room), start
                )
        answers = await pipe.execute(raise_on_error=False)
        result: dict[str, list[Entry]] = {}
        for index, room in enumerate(rooms):
            pending, fresh = answers[2 * index], answers[2 * index + 1]
            if _no_group(pending):
                await self._create(self._keys.room(room), GROUP)
                result |= await self._read([room], count)
                continue
            for answer in (pending, fresh):
                if isinstance(answer, Exception):
                    raise answer
            entries = _entries(room, pending)
            if len(entries) < count:
                entries += _entries(room, fresh)
            result[room] = entries
        return result

    async def acknowledge(self, read: Mapping[str, Sequence[Position]]) -> None:
        """XACK what is committed, per room."""

        async def acknowledge() -> None:
            pipe = self._client.pipeline(transaction=False)
            for room, positions in read.items():
                if positions:
                    pipe.xack(self._keys.room(room), GROUP, *map(str, positions))
            await pipe.execute()

        await retrying(acknowledge)

    async def release(self, job: Job, committed: Position) -> bool:
        """End a job. Returns True when the room had newer entries and was queued again."""
        names = self._keys
        keys = [names.jobs, names.queued, names.heads, names.room(job.room), names.folded]
        args = [JOB_GROUP, job.id, job.room, GROUP, str(committed)]
        return bool(await retrying(lambda: run_script(self._client, "release", keys, args)))

    async def requeue(self, room: str, committed: Position) -> bool:
        """Queue a room that has newer entries and no job. Returns True when it did."""
        names = self._keys
        keys = [names.jobs, names.queued, names.room(room)]
        return bool(await retrying(lambda: run_script(self._client, "requeue", keys, [room, str(committed)])))

    async def waiting(self) -> int:
        """How many jobs there are, held or not."""
        return int(await retrying(lambda: self._client.xlen(self._keys.jobs)))

    async def forget_consumers(self, idle_ms: int) -> list[str]:
        """Remove consumers without jobs that have been silent for `idle_ms` (dead workers' names); returns them."""
        consumers = await retrying(lambda: self._client.xinfo_consumers(self._keys.jobs, JOB_GROUP))
        gone = [c["name"].decode() for c in consumers if c["pending"] == 0 and c["idle"] > idle_ms]
        for name in gone:
            await self._client.xgroup_delconsumer(self._keys.jobs, JOB_GROUP, name)
        return gone

    async def leave(self) -> None:
        """Remove this worker's consumer, when it holds no job any more."""
        await retrying(lambda: self._client.xgroup_delconsumer(self._keys.jobs, JOB_GROUP, self.consumer))

    async def _create(self, stream: str, group: str) -> None:
        try:
            await self._client.xgroup_create(stream, group, id="0", mkstream=True)
        except redis_errors.ResponseError as fault:
            if not str(fault).startswith("BUSYGROUP"):
                raise


def _no_group(answer: Any) -> bool:
    return isinstance(answer, redis_errors.ResponseError) and str(answer).startswith("NOGROUP")


def _jobs(items: Any) -> list[Job]:
    return [Job(item_id.decode(), fields[b"room"].decode()) for item_id, fields in items if fields]


def _entries(room: str, answer: Any) -> list[Entry]:
    """Entries of XREADGROUP's answer; a pending entry that was deleted comes back without fields and is gone."""
    return [entry_of(room, item) for item in answer[0][1] if item[1]] if answer else []
