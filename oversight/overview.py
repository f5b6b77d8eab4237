"""The whole system on one page: nodes, workers, both servers, and what to do about them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

from archive.errors import ArchiveError
from archive.store import Archive
from oversight.advice import Advice, advise
from oversight.state import Postgres, Redis, State, Totals
from registry.nodes import NodeReport, Nodes
from registry.shard import Shard, ShardNumbers
from registry.workers import Workers
from streams.entry import Position
from streams.errors import LogError, LogUnavailable
from streams.link import Client, Link
from streams.replay import Reader
from streams.server import server_facts

ASK_S = 3.0
"""What one part of the overview may take; a part that takes longer is away."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(State):
    """advice: the worst first; empty when all is well."""

    advice: tuple[Advice, ...]


class Overseer:
    """Looks at everything. worker_lag_s: unfolded age above which it is said. version: of the process that looks."""

    def __init__(self, link: Link, client: Client, archive: Archive, worker_lag_s: float, version: str) -> None:
        self._client = client
        self._archive = archive
        self._nodes = Nodes(link.keys, client)
        self._workers = Workers(link.keys, client)
        self._shard = Shard(link.keys, client)
        self._reader = Reader(link, client, ASK_S)
        self._worker_lag_s = worker_lag_s
        self._version = version

    async def look(self) -> Overview:
        """What there is to see now. A server that is away is told of in the answer: nothing is raised for it."""
        redis, postgres = await asyncio.gather(self._redis(), self._postgres())
        state = await self._state(redis, postgres)
        values = {field.name: getattr(state, field.name) for field in fields(state)}
        return Overview(**values, advice=advise(state, self._worker_lag_s))

    async def _state(self, redis: Redis, postgres: Postgres) -> State:
        if not redis.ok:
            return self._stateless(redis, postgres)
        nodes, workers, numbers, position, epoch = await asyncio.gather(
            _told(self._nodes.reports(), []),
            _told(self._workers.reports(), []),
            _told(self._shard.numbers(), None),
            _told(self._reader.position(), None),
            _told(self._reader.epoch(), None),
        )
        return State(
            time_ms=numbers.time_ms if numbers else _now_ms(),
            version=self._version,
            position=_text(position),
            epoch=_text(epoch),
            nodes=tuple(nodes),
            workers=tuple(workers),
            redis=redis,
            postgres=postgres,
            totals=_totals(nodes, numbers),
        )

    def _stateless(self, redis: Redis, postgres: Postgres) -> State:
        """What there is to tell without the log."""
        return State(
            time_ms=_now_ms(),
            version=self._version,
            position=None,
            epoch=None,
            nodes=(),
            workers=(),
            redis=redis,
            postgres=postgres,
            totals=Totals(),
        )

    async def _redis(self) -> Redis:
        try:
            return Redis(ok=True, **asdict(await server_facts(self._client)))
        except LogError as fault:
            return Redis(ok=False, error=str(fault))

    async def _postgres(self) -> Postgres:
        try:
            async with asyncio.timeout(ASK_S):
                return Postgres(ok=True, **asdict(await self._archive.server()))
        except ArchiveError as fault:
            return Postgres(ok=False, error=str(fault))
        except TimeoutError:
            return Postgres(ok=False, error=f"it did not answer for {ASK_S:g} s")


async def _told(asked: Awaitable[T], otherwise: T) -> T:
    """What was asked for, or that it is not known: the server went away since it was found there."""
    try:
        async with asyncio.timeout(ASK_S):
            return await asked
    except (LogUnavailable, TimeoutError):
        return otherwise


def _totals(nodes: Sequence[NodeReport], numbers: ShardNumbers | None) -> Totals:
    if numbers is None:
        return Totals()
    return Totals(
        connections=sum(node.connections or 0 for node in nodes if node.alive),
        rooms=numbers.rooms,
        waiting_jobs=numbers.waiting_jobs,
        oldest_job_s=numbers.oldest_job_s,
        dead_letters=numbers.dead_letters,
        tasks=numbers.tasks,
        users=numbers.users,
    )


def _text(position: Position | None) -> str | None:
    return None if position is None else str(position)


def _now_ms() -> int:
    return int(time.time() * 1000)
