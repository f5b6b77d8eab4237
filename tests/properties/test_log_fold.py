"""Log and worker on real servers: whatever interleaves, snapshot + tail is the fold of everything, stored once.

Workers crash before the commit, after it, before they release; answers of the database are lost; the sweeper trims
whatever is folded. A reader looks after each step.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import Archive, ArchiveUnavailable, CommitResult, RoomFold, StoredChat, open_pool, overlay
from registry.lease import Lease
from registry.workers import Workers
from streams.append import NewEntry
from streams.deadletters import DeadLetters
from streams.documents import DocumentLog
from streams.entry import Entry, Position
from streams.jobs import Job, Jobs
from streams.keys import Keys
from streams.link import Link
from streams.replay import Gap, Reader
from streams.rooms import Rooms
from tests.support.valkey import ValkeyServer, running_appender
from workers.config import WorkerConfig
from workers.persister import Persister
from workers.sweeper import Sweeper
from workers.tally import Tally

OWNERS = ("a", "b")
_prefixes = (f"f{number}" for number in itertools.count())

Crash: TypeAlias = Literal["none", "away", "commit", "committed", "answer", "release"]
"""Where a worker dies in its round: before the commit, after it, before the job ends (its XACK); "away", "answer":
it lives, but its commit, or the answer of that, is lost."""


class Crashed(Exception):
    """Stands for SIGKILL."""


class FaultyArchive(Archive):
    """An archive whose next commit goes as the test says."""

    crash: Crash = "none"

    async def commit(self, folds: Sequence[RoomFold]) -> CommitResult:
        crash, self.crash = self.crash, "none"
        if crash == "commit":
            raise Crashed
        if crash == "away":
            raise ArchiveUnavailable("it did not arrive")
        result = await super().commit(folds)
        if crash == "committed":
            raise Crashed
        if crash == "answer":
            raise ArchiveUnavailable("the answer was lost")
        return result


class FaultyJobs(Jobs):
    """A worker's jobs; the worker may die at one of its calls."""

    crash: Crash = "none"

    async def release(self, committed: Mapping[Job, Position]) -> set[str]:
        if self.crash == "release":
            raise Crashed
        return await super().release(committed)


@dataclass(frozen=True)
class Append:
    """Events to rooms: a delta, a status, or poison."""

    events: tuple[tuple[int, Literal["message", "status", "poison"]], ...]


@dataclass(frozen=True)
class Round:
    """A worker's round, at most `slice_entries` of each room."""

    worker: int
    crash: Crash
    slice_entries: int


@dataclass(frozen=True)
class Reclaim:
    """A worker takes over every job that is held, even those of workers that live."""

    worker: int


@dataclass(frozen=True)
class Sweep:
    """Everything that is folded is past its retention."""


Step: TypeAlias = Append | Round | Reclaim | Sweep

_workers = st.integers(0, 1)
_events = st.tuples(st.integers(0, 1), st.sampled_from(("message", "message", "status", "poison")))
_appends = st.builds(Append, events=st.lists(_events, min_size=1, max_size=8).map(tuple))
_rounds = st.builds(
    Round,
    worker=_workers,
    crash=st.sampled_from(("none", "away", "commit", "committed", "answer", "release")),
    slice_entries=st.sampled_from((1, 3, 100)),
)
_others = st.one_of(st.builds(Reclaim, worker=_workers), st.just(Sweep()), _rounds)
_cycles = st.lists(st.tuples(_appends, _rounds, _others), min_size=1, max_size=6)
_steps = _cycles.map(lambda cycles: [step for cycle in cycles for step in cycle])


class World:
    """Two workers and a reader on one log."""

    def __init__(self, link: Link, archive: FaultyArchive, name: str) -> None:
        self.link = link
        self.archive = archive
        self.client = link.client()
        self.reader = Reader(link, self.client)
        self.appended: dict[str, list[Entry]] = {owner: [] for owner in OWNERS}
        self.poison = 0
        self._name = name
        self._jobs = [FaultyJobs(link, self.client, f"worker{number}") for number in (0, 1)]
        self._numbers = itertools.count()

    def room(self, owner: str) -> str:
        return f"user:{self._name}{owner}"

    def chat(self, owner: str) -> str:
        return f"chat{self._name}{owner}"

    def persister(self, jobs: Jobs, slice_entries: int = 100) -> Persister:
        config = WorkerConfig(fold_window_s=0, round_entries=1, slice_entries_min=slice_entries)
        return Persister(self.link, jobs, self.archive, config, Tally(), asyncio.Event())

    async def play(self, steps: Sequence[Step]) -> None:
        await self._jobs[0].ensure_group()
        async with running_appender(self.link) as self.appender:
            for step in steps:
                await self._step(step)
                await self.check()
            await self._finish()

    async def _step(self, step: Step) -> None:
        match step:
            case Append():
                await self._append(step)
            case Round():
                await self._round(step)
            case Reclaim():
                await self._reclaim(self._jobs[step.worker])
            case Sweep():
                await self._sweep()

    async def _append(self, step: Append) -> None:
        for number, kind in step.events:
            owner = OWNERS[number]
            text = f"{next(self._numbers)},"
            payload = {"message": {"content": text}, "status": {"description": text}, "poison": 7}[kind]
            event_type = "message" if kind == "poison" else kind
            body = {"chat_id": self.chat(owner), "message_id": "m", "data": {"type": event_type, "data": payload}}
            data = json.dumps(body).encode()
            answer = await self.appender.append(NewEntry(self.room(owner), "events", data))
            self.poison += kind == "poison"
            self.appended[owner].append(Entry(answer.position, self.room(owner), "events", data, Position.ZERO))

    async def _round(self, step: Round) -> None:
        jobs = self._jobs[step.worker]
        taken = await jobs.take(10, 1)
        self.archive.crash = jobs.crash = step.crash
        try:
            await self.persister(jobs, step.slice_entries).persist(taken)
        except Crashed:
            return
        finally:
            self.archive.crash = jobs.crash = "none"

    async def _reclaim(self, jobs: Jobs) -> None:
        await self.persister(jobs).persist(await jobs.claim(0, 10))

    async def _sweep(self) -> None:
        rooms, workers = Rooms(self.link, self.client), Workers(self.link.keys, self.client)
        lease = Lease(self.link, self.client, "sweep")
        config = WorkerConfig(retention_s=-60, room_keep=1)
        documents, stop = DocumentLog(self.link, self.client), asyncio.Event()
        await Sweeper(lease, rooms, self._jobs[0], documents, self.archive, workers, config, stop).sweep_once()

    async def check(self) -> None:
        """Snapshot + tail, as a node reads it, is the fold of everything that was appended."""
        for owner in OWNERS:
            expected = overlay(None, self.chat(owner), self.room(owner)[5:], self.appended[owner])
            assert _content(await self._read(owner)) == _content(expected)

    async def _read(self, owner: str) -> StoredChat | None:
        stored = await self.archive.chat(self.chat(owner))
        at = (await self.archive.stored([self.room(owner)]))[self.room(owner)]
        tail = await self.reader.tail_of(self.room(owner), at)
        assert not isinstance(tail, Gap)
        return overlay(stored, self.chat(owner), self.room(owner)[5:], tail[1])

    async def _finish(self) -> None:
        """With one worker that lives, everything ends up in SQL alone, and every poison entry is parked once."""
        while await self.client.xlen(self.link.keys.jobs):
            await self.persister(self._jobs[0]).persist(await self._jobs[0].take(10, 1))
            await self._reclaim(self._jobs[0])
        for owner in OWNERS:
            expected = overlay(None, self.chat(owner), self.room(owner)[5:], self.appended[owner])
            assert _content(await self.archive.chat(self.chat(owner))) == _content(expected)
        assert await DeadLetters(self.link, self.client).count() == self.poison
        assert not await self.client.scard(self.link.keys.queued)


def _content(chat: StoredChat | None) -> tuple[str, tuple[object, ...]] | None:
    """What the events said; times are told by the archive's own tests."""
    if chat is None or "m" not in chat.messages:
        return None
    return chat.messages["m"].content, chat.messages["m"].status_history


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_steps)
def test_snapshot_and_tail_are_the_fold_of_everything_and_it_is_stored_once(
    valkey: ValkeyServer, shared_database_url: str, steps: list[Step]
) -> None:
    async def play() -> None:
        name = next(_prefixes)
        link = Link(valkey.url, Keys(name))
        async with open_pool(shared_database_url, max_size=2) as pool:
            await World(link, FaultyArchive(pool), name).play(steps)
        await link.aclose()

    asyncio.run(play())
