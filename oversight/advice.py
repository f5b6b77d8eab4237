"""What an operator should do, by what there is to see: a pure function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from oversight.state import State

MEMORY_WARN, MEMORY_BAD = 0.8, 0.95
"""Parts of maxmemory: at all of it every append is refused."""

CONNECTIONS_WARN = 0.9
"""Part of PostgreSQL's max_connections: at all of it nodes and workers that start are refused."""

BEHIND_MS = 3_000
"""A node's tail is asked at least once a second."""

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Advice:
    """about: `redis`, `postgres`, `node:…`, `worker:…`, `nodes`, `fold`, `deadletters`. what, cure: one sentence."""

    level: Level
    about: str
    what: str
    cure: str


def advise(state: State, worker_lag_s: float) -> tuple[Advice, ...]:
    """The worst first. worker_lag_s: unfolded age above which it is said."""
    found = [*_redis(state), *_postgres(state), *_fold(state, worker_lag_s)]
    if not _mute(state):
        found += [*_absent(state), *_workers(state), *_nodes(state)]
    return tuple(sorted(found, key=lambda advice: ("bad", "warn", "ok").index(advice.level)))


def _mute(state: State) -> bool:
    """Whether nobody can report, so that silence says nothing: the log's server refuses all that is written."""
    redis = state.redis
    refuses = redis.aof_ok is False or redis.last_save_ok is False or redis.role not in ("master", None)
    heard = any(node.alive for node in state.nodes) or any(worker.alive for worker in state.workers)
    return refuses and not heard


def _redis(state: State) -> Iterator[Advice]:
    redis = state.redis
    if not redis.ok:
        cure = "Start it, or mend REDIS_URL and the network; nodes go on by themselves, nothing has to be restarted."
        yield Advice("bad", "redis", f"The log's server does not answer: {redis.error}", cure)
        return
    if redis.role not in ("master", None):
        cure = "Point REDIS_URL at the primary, or name the Sentinels in REDIS_SENTINEL_HOSTS."
        yield Advice("bad", "redis", f"The log's server is a {redis.role}: it takes no appends.", cure)
    if redis.policy not in ("noeviction", None):
        what = f"maxmemory-policy is {redis.policy}: an evicted stream is lost data."
        yield Advice("bad", "redis", what, "CONFIG SET maxmemory-policy noeviction, and the same in its configuration.")
    if redis.aof is False:
        what = "The append-only file is off: a restart of the log's server loses what was appended since its last save."
        yield Advice("warn", "redis", what, "CONFIG SET appendonly yes, and the same in its configuration.")
    if redis.aof_ok is False:
        what = "The last write or rewrite of the append-only file failed."
        cure = (
            "Look at the disk of the log's server (space, rights) and at its own log; until then it may refuse appends."
        )
        yield Advice("bad", "redis", what, cure)
    if redis.last_save_ok is False:
        what = "The last snapshot of the log's server failed."
        yield Advice("warn", "redis", what, "Look at the disk of the log's server (space, rights) and at its own log.")
    yield from _memory(redis.used_bytes, redis.max_bytes)


def _memory(used: int | None, most: int | None) -> Iterator[Advice]:
    if not used or not most or used < MEMORY_WARN * most:
        return
    what = f"The log's server uses {100 * used // most} % of its maxmemory; at 100 % every append is refused."
    if used >= most:
        what = "The log's server is full: it uses all of its maxmemory, and refuses every append."
    cure = "Raise maxmemory (CONFIG SET maxmemory, at once), or keep less: a smaller RETENTION_S or ROOM_KEEP."
    yield Advice("bad" if used >= MEMORY_BAD * most else "warn", "redis", what, cure)


def _postgres(state: State) -> Iterator[Advice]:
    postgres = state.postgres
    if not postgres.ok:
        cure = "Start it, or mend DATABASE_URL; until then events wait in the log, and are folded when it is back."
        yield Advice("bad", "postgres", f"PostgreSQL does not answer: {postgres.error}", cure)
        return
    if postgres.in_recovery:
        what = "PostgreSQL is in recovery: it takes no writes, nothing is folded."
        yield Advice("bad", "postgres", what, "Point DATABASE_URL at the primary, or promote this one.")
    if postgres.version and not postgres.migration:
        what = "PostgreSQL has no tables of ours yet: nothing can be read or folded."
        yield Advice("bad", "postgres", what, "Start a node or a worker, which makes them: roomlog worker.")
    used, most = postgres.connections, postgres.max_connections
    if used and most and used >= CONNECTIONS_WARN * most:
        what = f"{used} of PostgreSQL's {most} connections are taken."
        cure = (
            "Raise max_connections, put a pooler in front of it, or run fewer nodes and workers (8 connections each)."
        )
        yield Advice("warn", "postgres", what, cure)


def _fold(state: State, worker_lag_s: float) -> Iterator[Advice]:
    totals = state.totals
    lag_s = totals.oldest_job_s or 0.0
    if lag_s > worker_lag_s:
        what = f"An event has waited {lag_s:.0f} s to be folded (WORKER_LAG_S is {worker_lag_s:g})."
        yield Advice(
            "bad", "fold", what, "Look at PostgreSQL and at the workers' log; start more workers if all is well."
        )
    if totals.dead_letters:
        what = f"Entries could not be folded and wait for somebody to look at them: {totals.dead_letters}."
        yield Advice("warn", "deadletters", what, "roomlog deadletters list; then retry or drop each.")


def _absent(state: State) -> Iterator[Advice]:
    if not state.redis.ok:
        return
    if not any(worker.alive for worker in state.workers):
        what = "No worker reports: nothing is folded into PostgreSQL, and rooms grow until they refuse appends."
        yield Advice("bad", "fold", what, "Start one: python -m workers.")
    if not any(node.alive for node in state.nodes):
        yield Advice("bad", "nodes", "No node reports: no client can connect.", "Start one: roomlog serve.")


def _workers(state: State) -> Iterator[Advice]:
    for worker in state.workers:
        about = f"worker:{worker.name}"
        if not worker.alive:
            what = f"It has not reported for {worker.seen_s:.0f} s: it died, or cannot reach the log's server."
            yield Advice("warn", about, what, "Look at its log; others take over its jobs after CLAIM_AFTER_S.")
        elif worker.sql_ok is False:
            what = "Its last transaction did not find PostgreSQL."
            yield Advice("warn", about, what, "Look at PostgreSQL and at DATABASE_URL of the workers.")


def _nodes(state: State) -> Iterator[Advice]:
    alive = [node for node in state.nodes if node.alive]
    for node in state.nodes:
        about = f"node:{node.name}"
        if not node.alive:
            what = f"It has not reported for {node.seen_s:.0f} s: it died, or cannot reach the log's server."
            cure = (
                "Look at its log, and start it again unless another took its place; its clients resume on other nodes."
            )
            yield Advice("warn", about, what, cure)
        elif (node.behind_ms or 0) > BEHIND_MS:
            what = f"It is {(node.behind_ms or 0) / 1000:.1f} s behind the log: its clients get events late."
            yield Advice("warn", about, what, "Look at its processor; start another node if it is busy.")
        if node.alive and node.slow_clients:
            what = f"{node.slow_clients} of its clients read too slowly and are fed from the log."
            yield Advice("ok", about, what, "Nothing is to be done: they get everything at their own pace.")
    seen = {node.version for node in alive} | {worker.version for worker in state.workers if worker.alive}
    versions = sorted(version for version in seen if version)
    if len(versions) > 1:
        what = f"Processes of several versions run side by side: {', '.join(versions)}."
        yield Advice("warn", "nodes", what, "Finish the upgrade: restart what still runs the old version.")
