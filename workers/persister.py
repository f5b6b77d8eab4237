"""The persister: folds rooms into PostgreSQL, exactly once in effect.

Take jobs → read what follows SQL's position → fold → commit → release. A crash at any point is safe: whoever claims the
jobs asks SQL for the position that was committed with the rows, and reads from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

from archive import Archive, RoomFold
from archive.errors import ArchiveRefused, ArchiveUnavailable
from archive.patches import Changes
from streams.backlog import Backlog
from streams.deadletters import DeadLetters
from streams.entry import Entry, Position
from streams.errors import LogUnavailable
from streams.jobs import Job, Jobs
from streams.link import Link
from streams.rooms import Rooms
from workers.config import WorkerConfig
from workers.sieve import sifted
from workers.slices import Slice
from workers.tally import Tally, paused

log = logging.getLogger("roomlog.persister")

BLOCK_MS = 1000
"""How long one wait for a job lasts: also how late a stop is noticed."""

LONGEST_PAUSE_S = 2.0
"""Between two tries while a server is away."""


class Stopped(Exception):
    """The worker was told to stop while the database was away: the jobs in hand are left for another worker."""


class Persister:
    """One loop that folds. Several may run, in one process or many: compare-and-set on the stored position decides."""

    def __init__(
        self, link: Link, jobs: Jobs, archive: Archive, config: WorkerConfig, tally: Tally, stop: asyncio.Event
    ) -> None:
        client = link.client(connections=8)
        self._link = link
        self._jobs = jobs
        self._archive = archive
        self._config = config
        self._tally = tally
        self._stop = stop
        self._letters = DeadLetters(link, client)
        self._backlog = Backlog(link, client)
        self._rooms = Rooms(link, client)
        self._unfinished: list[Job] = []
        self._behind = False  # a room had more than one round took: the next round does not wait for company

    async def run(self) -> None:
        """Persist until stopped; the round in hand is finished first. A log that is away is waited for."""
        pause_s = 0.05
        while not self._stop.is_set():
            try:
                await self.persist_once()
                pause_s = 0.05
            except LogUnavailable as fault:
                log.warning("the log is away, trying again: %s", fault)
                await paused(self._stop, pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            except Stopped:
                return

    async def persist_once(self) -> int:
        """One round: take, read, fold, commit, release. Returns how many jobs it took.

        Raises LogUnavailable, and then the next round goes on with the same jobs; Stopped when told to stop while
        the database is away. Cancelling it is as safe as a crash.
        """
        jobs = self._unfinished or await self._take()
        self._unfinished = jobs
        await self.persist(jobs)
        self._unfinished = []
        return len(jobs)

    async def persist(self, jobs: Sequence[Job]) -> None:
        """Fold the rooms of jobs that the caller holds, and end the jobs. Raises as `persist_once`."""
        by_room = {room: list(held) for room, held in groupby(sorted(jobs, key=lambda job: job.room), _room)}
        if not by_room:
            return
        async with self._held(jobs):
            committed = await self._fold_until_done(list(by_room))
            await self._release(by_room, committed)

    async def _take(self) -> list[Job]:
        """Jobs of one round: whatever comes within the fold window that the first one opens."""
        limit = self._config.round_rooms
        jobs = await self._jobs.take(limit, BLOCK_MS)
        if not jobs or len(jobs) == limit or self._behind:
            return jobs
        await asyncio.sleep(self._config.fold_window_s)
        try:
            return jobs + await self._jobs.take(limit - len(jobs), 1)
        except LogUnavailable as fault:
            log.warning("going on with the %d jobs in hand: %s", len(jobs), fault)
            return jobs

    async def _fold_until_done(self, rooms: Sequence[str]) -> dict[str, Position]:
        """The position that each room is committed up to; a room that somebody else moved is left out."""
        pause_s = 0.05
        while True:
            try:
                committed = await self._fold_rooms(rooms)
            except ArchiveUnavailable as fault:
                self._tally.sql_ok = False
                log.warning("the database is away, holding %d rooms: %s", len(rooms), fault)
            else:
                self._tally.sql_ok = True
                return committed
            if self._stop.is_set():
                raise Stopped
            await paused(self._stop, pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _fold_rooms(self, rooms: Sequence[str]) -> dict[str, Position]:
        """One try. Asks what is stored each time: a commit whose answer was lost may have happened."""
        stored = await self._archive.stored(rooms)
        self._link.saw(max(stored.values()))
        count = self._config.slice_entries(len(rooms))
        read = await self._backlog.read(stored, count)
        self._behind = any(len(entries) >= count for entries in read.values())
        slices = [Slice(room, stored[room], tuple(entries)) for room, entries in read.items() if entries]
        self._tally.oldest_ms = min((part.entries[0].position.ms for part in slices), default=0)
        committed = {room: stored[room] for room, entries in read.items() if not entries}
        return committed | await self._commit(await self._unmoved(slices))

    async def _unmoved(self, slices: Sequence[Slice]) -> list[Slice]:
        """The slices without those of rooms that another worker has moved on, and had trimmed, before they were read.

        Entries that are gone from the log for any other reason are lost to SQL; that is said, and the room goes on.
        """
        torn = [part for part in slices if part.torn]
        floor = await self._rooms.floor() if torn else Position.ZERO
        lacking = [part for part in torn if part.entries[0].prev > floor]
        stored = await self._archive.stored([part.room for part in lacking]) if lacking else {}
        for part in lacking:
            if stored[part.room] == part.before:
                self._tally.lost += 1
                first = part.entries[0].position
                said = {"room": part.room, "before": part.before, "position": first}
                log.error("%(room)s: the log lost entries between %(before)s and %(position)s unfolded", said)
        return [part for part in slices if stored.get(part.room, part.before) == part.before]

    async def _commit(self, slices: Sequence[Slice]) -> dict[str, Position]:
        """Fold and store in one transaction, and in smaller ones when the database refuses something in it."""
        if not slices:
            return {}
        folds = [await self._fold(part) for part in slices]
        try:
            result = await self._archive.commit(folds)
        except ArchiveRefused as fault:
            return await self._commit_parts(slices, fault)
        for chat in result.refused:
            log.warning("%s: chat %s belongs to another user; its changes were left out", chat.room, chat.chat_id)
        for part in slices:
            if part.room not in result.moved:
                log.info("%(room)s is folded by another worker", {"room": part.room})
        moved = [part for part in slices if part.room in result.moved]
        self._tally.transactions += 1
        self._tally.folded_entries += sum(len(part.entries) for part in moved)
        return {part.room: part.after for part in moved}

    async def _commit_parts(self, slices: Sequence[Slice], fault: ArchiveRefused) -> dict[str, Position]:
        """Halve until the poison stands alone: first the rooms, then the entries of the one room."""
        if len(slices) > 1:
            middle = len(slices) // 2
            return await self._commit(slices[:middle]) | await self._commit(slices[middle:])
        (part,) = slices
        if len(part.entries) == 1:
            return await self._pass_over(part, fault)
        first, second = part.halves()
        moved = await self._commit([first])
        return moved | await self._commit([second]) if moved.get(part.room) == first.after else moved

    async def _pass_over(self, part: Slice, fault: ArchiveRefused) -> dict[str, Position]:
        """Park the one entry of this slice and move its room past it."""
        await self._park(part.entries[0], f"the database refused it: {fault}")
        result = await self._archive.commit([RoomFold(part.room, part.before, part.after, Changes())])
        return {part.room: part.after} if result.moved else {}

    async def _fold(self, part: Slice) -> RoomFold:
        """The slice as the archive takes it. Poison entries are parked before anything moves past them."""
        found = sifted(part.entries)
        if found.poison:
            by_position = {entry.position: entry for entry in part.entries}
            for error in found.poison:
                await self._park(by_position[error.position], error.reason)
        return RoomFold(part.room, part.before, part.after, found.changes)

    async def _park(self, entry: Entry, reason: str) -> None:
        letter = await self._letters.park(entry, reason)
        self._tally.parked += 1
        said = {"room": entry.room, "position": entry.position, "letter": letter}  # the reason may quote the entry
        log.error("%(room)s: entry %(position)s is parked: roomlog deadletters show %(letter)s", said)

    async def _release(self, by_room: Mapping[str, Sequence[Job]], committed: Mapping[str, Position]) -> None:
        """End the jobs of the committed rooms; those that have more are queued again. The other rooms' jobs stay, for
        whoever moved the room or claims them.
        """
        await self._jobs.drop([job for room in committed for job in by_room[room][1:]])
        await self._jobs.release({by_room[room][0]: upto for room, upto in committed.items()})

    @asynccontextmanager
    async def _held(self, jobs: Sequence[Job]) -> AsyncIterator[None]:
        """Keep the jobs from being claimed while the block runs."""
        over = asyncio.Event()  # not a cancel: before Python 3.12 one may get lost in redis-py's wait_for
        keeper = asyncio.create_task(self._keep(jobs, over))
        self._tally.jobs_held += len(jobs)
        try:
            yield
        finally:
            self._tally.jobs_held -= len(jobs)
            self._tally.oldest_ms = 0
            over.set()
            await keeper

    async def _keep(self, jobs: Sequence[Job], over: asyncio.Event) -> None:
        while not over.is_set():
            await paused(over, self._config.claim_after_s / 3)
            if over.is_set():
                return
            try:
                await self._jobs.hold(jobs)
            except LogUnavailable as fault:
                log.warning("cannot say that %d jobs are held: %s", len(jobs), fault)


def _room(job: Job) -> str:
    return job.room
