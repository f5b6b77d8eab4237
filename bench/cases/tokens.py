"""Tokens to the store: what it costs until a 5-character token of an answer is in PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import psycopg

from bench.cases.base import Outcome, Shown
from bench.plan import Plan
from bench.publisher.payload import TOKEN, Room
from bench.sql_meter import SqlMeter
from bench.stage import Stage
from bench.targets.base import Target
from bench.targets.rewriting import RunningEmitter
from bench.targets.stores import RunningStore
from bench.window import Usage

ANSWERS = 20
RATE = 50.0
"""Answers at a time, and tokens a second of each."""

LENGTH = 500
"""Tokens of each answer. What a rewriting emitter sends grows with it: so it is the same for all, and in every plan."""

SILENT_LENGTH = 100
"""Of those that are emitted to nobody, to learn what the publisher itself costs."""

STREAMS = 200
BURST = 200
LONG = 5_000
LONG_STREAMS = 4
STORED_S = 60.0
POLL_S = 0.02

PACED = (
    Shown("sql_bytes_per_event", "to SQL a token, bytes"),
    Shown("transactions_per_event", "transactions a token", plotted=False),
    Shown("wal_bytes_per_event", "WAL a token, bytes"),
    Shown("emit_and_fold_us_per_event", "CPU a token: emit, fold, SQL, µs"),
    Shown("emit_us_per_event", "emit, µs", plotted=False),
    Shown("worker_us_per_event", "worker, µs", plotted=False),
    Shown("postgres_us_per_event", "PostgreSQL, µs", plotted=False),
    Shown("redis_us_per_event", "beside that, Redis, µs", plotted=False),
    Shown("lag_ms", "last token stored after, ms", plotted=False),
)
BURSTS = (
    Shown("burst emit_us_per_event", "emit in bursts, µs"),
    Shown("burst deltas_per_s", f"worker, {STREAMS} streams waiting: tokens/s stored", less=False),
    Shown("long sql_bytes_per_event", f"answers of {LONG:,} tokens: to SQL a token, bytes", plotted=False),
    Shown("long transactions_per_event", "transactions a token", plotted=False),
    Shown("long lag_ms", "last token stored after, ms", plotted=False),
)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Answers paced for us; one token after the other for an emitter that awaits every write: paced, it would only
    measure its queue. rewritten: how many answers it has. bursts: for us, also streams that wait, and long answers.
    """

    targets: Sequence[Target]
    name: str
    chats: str
    rewritten: int
    bursts: bool = False
    runs: int = 99
    limit_s: float = 120.0

    @property
    def title(self) -> str:
        return f"Tokens to the store, {self.chats}: answers of {LENGTH} tokens of 5 characters, {RATE:.0f} a second"

    @property
    def shown(self) -> Sequence[Shown]:
        return PACED + BURSTS * self.bursts

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        ledger = Ledger(stage)
        ours = stage.running.kind == "roomlog"
        rooms = await stage.running.rooms((STREAMS if self.bursts else ANSWERS) if ours else self.rewritten)
        generator = await self._generator(stage, rooms[:ANSWERS], ours)
        silent_s = await _silent_burst(stage, rooms) if ours and self.bursts else 0.0
        await stage.publish_to(rooms, 0)
        before = await ledger.look()
        window = stage.window()
        emitted = await self._emit(stage, ours, LENGTH)
        events = int(emitted["events"])
        lag_s = await ledger.stored(events)
        usage = window.end()
        figures = await ledger.cost(before, events, usage, generator) | {"lag_ms": lag_s * 1000}
        more = await self._bursts(stage, ledger, events, silent_s) if ours and self.bursts else {}
        return Outcome(figures | {"events": float(events), "rss_mb": stage.rss_bytes("worker") / 1e6} | more, usage)

    async def _emit(self, stage: Stage, ours: bool, length: int) -> dict[str, Any]:
        if ours:
            return await stage.publisher.ask("pace", rate=ANSWERS * RATE, seconds=length / RATE, rooms=ANSWERS)
        return await stage.publisher.ask("burst", per_room=length)

    async def _generator(self, stage: Stage, rooms: Sequence[Room], ours: bool) -> float:
        """CPU seconds of the publisher for an event, without an emitter."""
        await stage.publish_to(rooms, 0, "silent")
        window = stage.window()
        emitted = await self._emit(stage, ours, SILENT_LENGTH)
        return window.end().cpu_s["publisher"] / float(emitted["events"])

    async def _bursts(self, stage: Stage, ledger: Ledger, events: int, silent_s: float) -> dict[str, float]:
        """A worker that was held up meanwhile folds a burst; then long answers. silent_s: see `_silent_burst`."""
        (worker,) = (program for program in stage.running.programs if program.role == "worker")
        window = stage.window()
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            await stage.publisher.ask("burst", per_room=BURST, rooms=STREAMS)
            emitting = window.end()
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        waiting = STREAMS * BURST
        events += waiting
        figures = {
            "burst emit_us_per_event": (emitting.cpu_s["publisher"] / waiting - silent_s) * 1e6,
            "burst deltas_per_s": waiting / await ledger.stored(events),
        }
        before, window = await ledger.look(), stage.window()
        await stage.publisher.ask("burst", per_room=LONG, rooms=LONG_STREAMS)
        lag_s = await ledger.stored(events + LONG * LONG_STREAMS)
        cost = await ledger.cost(before, LONG * LONG_STREAMS, window.end()) | {"lag_ms": lag_s * 1000}
        return figures | {f"long {name}": value for name, value in cost.items()}


async def _silent_burst(stage: Stage, rooms: Sequence[Room]) -> float:
    """CPU seconds of the publisher for an event of a burst, without an emitter."""
    await stage.publish_to(rooms, 0, "silent")
    window = stage.window()
    emitted = await stage.publisher.ask("burst", per_room=BURST)
    return window.end().cpu_s["publisher"] / float(emitted["events"])


@dataclass(frozen=True, slots=True)
class Look:
    """What PostgreSQL has done so far."""

    sql_bytes: int
    transactions: int
    wal_bytes: int


class Ledger:
    """What is stored, and what PostgreSQL was asked for it."""

    def __init__(self, stage: Stage) -> None:
        self._running = cast(RunningStore | RunningEmitter, stage.running)
        self._conninfo = stage.postgres.conninfo_of(self._running.database)
        self._meter: SqlMeter = self._running.meter

    async def stored(self, tokens: int) -> float:
        """Wait until so many tokens are stored; returns the seconds that it took. Raises TimeoutError."""
        started = time.monotonic()
        async with asyncio.timeout(STORED_S), await self._connect() as connection:
            while await _number(connection, self._running.stored_sql) < tokens * len(TOKEN):  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        return time.monotonic() - started

    async def look(self) -> Look:
        """Where PostgreSQL's counts stand."""
        async with await self._connect() as connection:
            transactions = await _number(connection, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            wal = await _number(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        return Look(self._meter.bytes, transactions, wal)

    async def cost(self, before: Look, events: int, usage: Usage, generator_s: float = 0.0) -> dict[str, float]:
        """What `events` tokens cost since `before`, each. generator_s: what the publisher's process does beside."""
        now = await self.look()
        cpu = {role: usage.cpu_s.get(role, 0.0) / events * 1e6 for role in ("publisher", "worker", "postgres", "redis")}
        cpu |= {"generator": generator_s * 1e6, "emit": max(0.0, cpu["publisher"] - generator_s * 1e6)}
        return {
            "sql_bytes_per_event": (now.sql_bytes - before.sql_bytes) / events,
            "transactions_per_event": (now.transactions - before.transactions) / events,
            "wal_bytes_per_event": (now.wal_bytes - before.wal_bytes) / events,
            "emit_and_fold_us_per_event": cpu["emit"] + cpu["worker"] + cpu["postgres"],
            "all_us_per_event": cpu["emit"] + cpu["worker"] + cpu["postgres"] + cpu["redis"],
        } | {f"{role}_us_per_event": value for role, value in cpu.items()}

    async def _connect(self) -> psycopg.AsyncConnection[tuple[int]]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)


async def _number(connection: psycopg.AsyncConnection[tuple[int]], statement: str) -> int:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return int(row[0])
