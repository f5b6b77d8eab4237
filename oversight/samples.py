"""The last hour in numbers: a sample every ten seconds in one bounded stream, and the series that are made of them.

A sample has what a process counts since it began, not how fast: the rates are made when they are read, from two
samples, whoever took them. So nothing is lost when the process that samples dies, but the samples it did not take.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise

import orjson

from registry.nodes import NodeReport
from registry.shard import ShardNumbers
from registry.workers import WorkerReport
from streams.keys import Keys
from streams.link import Client, now_ms, retrying
from streams.server import ServerFacts

STEP_S = 10
SLOTS = 360
"""An hour."""

EXPIRE_S = 2 * STEP_S * SLOTS

GAUGES = {
    "connections": "sessions",
    "rooms": "rooms",
    "fold_lag_s": "seconds",
    "tail_age_s": "seconds",
    "send_backlog_bytes": "bytes",
    "slow_clients": "sessions",
    "redis_memory_bytes": "bytes",
    "dead_letters": "entries",
}
RATES = {
    "appended_s": "entries/second",
    "delivered_s": "deliveries/second",
    "replayed_s": "entries/second",
    "folded_s": "entries/second",
    "errors_s": "refusals/second",
}

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """ms: Unix ms, by the log server's clock. gauges: by name. counts: rate's name -> process -> count since it began.

    What is not known is not in it.
    """

    ms: int
    gauges: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """values: one for each step, the newest last; None where nothing was sampled."""

    unit: str
    values: Values


@dataclass(frozen=True, slots=True)
class History:
    """from_ms: Unix ms of the first value of each series."""

    step_s: int
    from_ms: int
    series: Mapping[str, Series]


def sample_of(
    nodes: Sequence[NodeReport], workers: Sequence[WorkerReport], numbers: ShardNumbers, server: ServerFacts
) -> Sample:
    """What there is to see, as a sample."""
    alive = [node for node in nodes if node.alive]
    gauges = {
        "connections": _sum(node.connections for node in alive),
        "rooms": numbers.rooms,
        "fold_lag_s": numbers.oldest_job_s,
        "tail_age_s": max((node.tail_age_s for node in alive if node.tail_age_s is not None), default=None),
        "send_backlog_bytes": _sum(node.send_backlog_bytes for node in alive),
        "slow_clients": _sum(node.slow_clients for node in alive),
        "redis_memory_bytes": server.used_bytes,
        "dead_letters": numbers.dead_letters,
    }
    counts = {
        "appended_s": {} if numbers.appended is None else {server.run_id or "": numbers.appended},
        "delivered_s": {node.name: node.delivered for node in alive if node.delivered is not None},
        "replayed_s": {node.name: node.replayed for node in alive if node.replayed is not None},
        "errors_s": {node.name: node.errors for node in alive if node.errors is not None},
        "folded_s": {w.name: w.folded_entries for w in workers if w.alive and w.folded_entries is not None},
    }
    return Sample(numbers.time_ms, {name: value for name, value in gauges.items() if value is not None}, counts)


def _sum(values: Iterable[int | None]) -> int | None:
    """None when nobody knows."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def history_of(samples: Iterable[Sample], now: int) -> History:
    """The hour before `now` (Unix ms) by its samples, in their order. Of two samples in one step the later counts."""
    last_slot = now // (STEP_S * 1000)
    first = last_slot - SLOTS + 1
    by_slot = {sample.ms // (STEP_S * 1000): sample for sample in samples}
    slots = range(first, last_slot + 1)
    series = {
        name: Series(unit, tuple(by_slot[slot].gauges.get(name) if slot in by_slot else None for slot in slots))
        for name, unit in GAUGES.items()
    }
    before = _before(by_slot)
    for name, unit in RATES.items():
        series[name] = Series(unit, tuple(_rate(name, before.get(slot), by_slot.get(slot)) for slot in slots))
    return History(STEP_S, first * STEP_S * 1000, series)


def _before(by_slot: Mapping[int, Sample]) -> dict[int, Sample]:
    """Slot -> the sample before the slot's own."""
    slots = sorted(by_slot)
    return {slot: by_slot[last] for last, slot in pairwise(slots)}


def _rate(name: str, before: Sample | None, after: Sample | None) -> float | None:
    """By how much a second the counts grew of the processes that both samples have; None when there are none."""
    if before is None or after is None or after.ms <= before.ms:
        return None
    old, new = before.counts.get(name, {}), after.counts.get(name, {})
    grown = [max(count - old[process], 0) for process, count in new.items() if process in old]
    return round(sum(grown) / (after.ms - before.ms) * 1000, 3) if grown else None


class Samples:
    """The stream. All calls raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._key = keys.samples
        self._client = client

    async def add(self, sample: Sample) -> None:
        """Keep a sample, and the hour before it. One whose answer was lost may be kept twice: that changes nothing."""
        body = orjson.dumps(asdict(sample))

        async def add() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.xadd(self._key, {"s": body}, maxlen=SLOTS + 1, approximate=False)
            pipe.expire(self._key, EXPIRE_S)
            await pipe.execute()

        await retrying(add, 2.0)

    async def history(self) -> History:
        """The last hour."""

        async def read() -> tuple[list[tuple[bytes, dict[bytes, bytes]]], int]:
            now = await now_ms(self._client)
            since = now - (SLOTS + 1) * STEP_S * 1000
            return await self._client.xrange(self._key, min=since, count=2 * SLOTS), now

        items, now = await retrying(read)
        return history_of([Sample(**orjson.loads(fields[b"s"])) for _id, fields in items], now)
