"""The metrics that are looked at when somebody asks for them: readiness, and what every node sees of the shard."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

from app import metrics
from registry.workers import Workers
from streams.condition import condition_of
from streams.deadletters import DeadLetters
from streams.entry import Position
from streams.errors import LogError
from streams.link import Client
from streams.unfolded import unfolded

if TYPE_CHECKING:
    from app.node import Node

FRESH_S = 5.0
"""However many ask, the servers are asked no more often."""

TRY_S = 1.0
LOOK_S = 3.0
"""Of all questions together: below Prometheus' own limit of 10 s, and the answer comes with what is known."""

SHARD = (
    metrics.TAIL_LAG,
    metrics.BARRIER_AGE,
    metrics.NODES,
    metrics.WORKERS,
    metrics.FOLD_LAG,
    metrics.FOLD_LAG_ENTRIES,
    metrics.FOLD_ROOMS,
    metrics.DEAD_LETTERS,
    metrics.TASK_LEASES,
    metrics.LOG_MEMORY,
    metrics.LOG_MEMORY_MAX,
    metrics.LOG_WRITES_OK,
    metrics.CLOCK_OFFSET,
)


class Vitals:
    """Sets the gauges of one node. What cannot be known is NaN: an old value would be taken for true."""

    def __init__(self, node: Node, client: Client) -> None:
        self._node = node
        self._client = client
        self._letters = DeadLetters(node.link, client)
        self._workers = Workers(node.link.keys, client)
        self._looking = asyncio.Lock()
        self._looked_at = -math.inf

    async def look(self) -> None:
        """Set every gauge: of this process now, of the servers as they were at most FRESH_S ago."""
        node = self._node
        node.sessions.measure()
        metrics.ROOMS.set(len(node.hub.wanted))
        metrics.TAIL_AGE.set(node.tail_age_s)
        metrics.TASKS.set(len(node.tasks))
        metrics.DRAINING.set(node.health.leaving)
        async with self._looking:
            if time.monotonic() - self._looked_at >= FRESH_S:
                await asyncio.gather(self._look_at_readiness(), self._look_at_shard())
                self._looked_at = time.monotonic()

    async def _look_at_readiness(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                reasons = await self._node.health.reasons()
        except TimeoutError:
            reasons = ["other: the servers do not answer"]
        parts = {reason.partition(":")[0] for reason in reasons}
        known = {part if part in metrics.UNREADY else "other" for part in parts}
        metrics.READY.set(not known)
        for part in metrics.UNREADY:
            metrics.UNREADY_FOR.labels(part).set(part in known)

    async def _look_at_shard(self) -> None:
        try:
            async with asyncio.timeout(LOOK_S):
                await asyncio.gather(self._positions(), self._folding(), self._server())
        except (LogError, TimeoutError):
            for gauge in SHARD:
                gauge.set(math.nan)

    async def _positions(self) -> None:
        node = self._node
        newest = await node.reader.position()
        metrics.TAIL_LAG.set(_behind_s(node.hub.position, newest))
        alive = await node.nodes.alive()
        metrics.NODES.set(len(alive))
        passed = [Position.parse(report["position"]) for report in alive.values()]
        metrics.BARRIER_AGE.set(_behind_s(min(passed, default=newest), newest))

    async def _folding(self) -> None:
        node = self._node
        waiting = await unfolded(node.link, self._client, TRY_S)
        metrics.FOLD_ROOMS.set(waiting.rooms)
        metrics.FOLD_LAG_ENTRIES.set(waiting.entries)
        metrics.FOLD_LAG.set(await node.rooms.oldest_job_age_s())
        metrics.WORKERS.set(sum(worker.alive for worker in await self._workers.reports(TRY_S)))
        metrics.DEAD_LETTERS.set(await self._letters.count())
        metrics.TASK_LEASES.set(await node.leases.count())

    async def _server(self) -> None:
        condition = await condition_of(self._client, TRY_S)
        metrics.LOG_MEMORY.set(condition.memory_bytes)
        metrics.LOG_MEMORY_MAX.set(condition.memory_max_bytes)
        metrics.LOG_WRITES_OK.set(condition.disk_ok)
        metrics.CLOCK_OFFSET.set(condition.clock_offset_s)


def _behind_s(position: Position, newest: Position) -> float:
    return max(newest.ms - position.ms, 0) / 1000
