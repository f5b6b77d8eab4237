"""The state of the whole system, as values."""

from __future__ import annotations

from dataclasses import dataclass

from archive.server import DatabaseFacts
from registry.nodes import NodeReport
from registry.workers import WorkerReport
from streams.server import ServerFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis(ServerFacts):
    """The log's server. Of one that is away only the `error` is known."""

    ok: bool
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres(DatabaseFacts):
    """The database. Of one that is away only the `error` is known."""

    ok: bool
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of all nodes and the shard; None: not known now. connections: sessions on living nodes. rooms: known to the log.

    waiting_jobs: rooms that wait for a worker or are in one's hands; oldest_job_s: the longest. users: connected ones.
    """

    connections: int | None = None
    rooms: int | None = None
    waiting_jobs: int | None = None
    oldest_job_s: float | None = None
    dead_letters: int | None = None
    tasks: int | None = None
    users: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """time_ms: Unix ms. version: of who looked. position: the log's newest; epoch: where what it vouches for begins.

    nodes, workers: by name, with those that died a short while ago.
    """

    time_ms: int
    version: str
    position: str | None
    epoch: str | None
    nodes: tuple[NodeReport, ...]
    workers: tuple[WorkerReport, ...]
    redis: Redis
    postgres: Postgres
    totals: Totals
