"""The sweeper: one worker at a time walks over all rooms, queues what was forgotten and trims what is folded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from archive import Archive
from archive.errors import ArchiveError
from registry.lease import Lease, LeaseLost
from registry.workers import Workers
from streams.documents import DocumentLog
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.jobs import Jobs
from streams.keys import is_document, is_folded
from streams.rooms import RoomHead, Rooms
from workers.config import WorkerConfig
from workers.document_sweep import DocumentSweep
from workers.tally import paused
from workers.trimmer import END, Trimmer

log = logging.getLogger("roomlog.sweeper")


class Sweeper:
    """Nothing that it does harms when two do it at once: trims go by what SQL says is folded."""

    def __init__(
        self,
        lease: Lease,
        rooms: Rooms,
        jobs: Jobs,
        documents: DocumentLog,
        archive: Archive,
        workers: Workers,
        config: WorkerConfig,
        stop: asyncio.Event,
    ) -> None:
        self._lease = lease
        self._rooms = rooms
        self._jobs = jobs
        self._trimmer = Trimmer(rooms, config)
        self._documents = DocumentSweep(documents, rooms, archive, self._trimmer, config)
        self._archive = archive
        self._workers = workers
        self._config = config
        self._stop = stop

    async def run(self) -> None:
        """Sweep until stopped, whenever no other worker does."""
        while not self._stop.is_set():
            try:
                await self._lease.run(self.sweep_once)
            except (LogUnavailable, LeaseLost, ArchiveError) as fault:
                log.warning("the sweep ended early, the next one goes on: %s", fault)
            await paused(self._stop, self._config.sweep_every_s)

    async def sweep_once(self) -> None:
        """One walk over all rooms. Raises LogUnavailable or ArchiveError; what was done until then stays done."""
        await self._workers.remove_dead()
        async for heads in self._rooms.slices():
            if self._stop.is_set():
                return
            await self._sweep([head for head in heads if not is_document(head.room)])
            await self._documents.sweep([head for head in heads if is_document(head.room)])

    async def _sweep(self, heads: Sequence[RoomHead]) -> None:
        folded = await self._folded([head.room for head in heads])
        await self._trimmer.trim(folded)  # first: what follows needs memory, of which a full server has none
        await self._requeue({head.room: head.head for head in heads if head.head > folded[head.room]})

    async def _requeue(self, behind: Mapping[str, Position]) -> None:
        """Queue the rooms that have no job. behind: their heads.

        SQL is asked once more, after the queue: a room without a job is committed by then, or was forgotten.
        """
        without = await self._jobs.without_job(list(behind))
        for room, stored in (await self._folded(without)).items():
            if behind[room] > stored and await self._jobs.requeue(room, stored):
                log.warning("%(room)s had unfolded entries and no job", {"room": room})

    async def _folded(self, rooms: Sequence[str]) -> dict[str, Position]:
        """What SQL says each room is folded up to; everything, for a room that is never folded."""
        kept = [room for room in rooms if is_folded(room)]
        stored = await self._archive.stored(kept) if kept else {}
        return dict.fromkeys(rooms, END) | stored
