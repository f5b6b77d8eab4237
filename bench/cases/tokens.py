"""Tokens to the store: what it costs until a 5-character token of an answer is in PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import psycopg

from bench.cases.base import Outcome, Shown
from bench.plan import Plan
from bench.publisher.payload import TOKEN
from bench.sql_meter import SqlMeter
from bench.stage import Stage
from bench.targets.base import Target
from bench.targets.rewriting import RunningEmitter
from bench.targets.stores import RunningStore
from bench.window import Usage

ANSWERS = 20
RATE = 50.0
"""Answers at a time, and tokens a second of each."""

ONE_BY_ONE = 15
"""Tokens of each answer for an emitter that awaits every write: a paced run would only measure its queue."""

STREAMS = 200
BURST = 200
LONG = 5_000
LONG_STREAMS = 4
STORED_S = 60.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Tokens:
    """Paced; for us also, if wanted, in bursts: many streams, and answers of 5,000 tokens."""

    targets: Sequence[Target]
    runs: int = 2
    bursts: bool = True
    name: str = "tokens"
    title: str = f"Tokens to the store: {ANSWERS} answers, {RATE:.0f} tokens/s each, 5 characters a token"
    limit_s: float = 120.0
    shown: Sequence[Shown] = (
        Shown("sql_bytes_per_event", "to SQL a token, bytes"),
        Shown("transactions_per_event", "transactions a token"),
        Shown("wal_bytes_per_event", "WAL a token, bytes"),
        Shown("emit_and_fold_us_per_event", "CPU a token: emit, fold, SQL, µs"),
        Shown("publisher_us_per_event", "emit, µs", plotted=False),
        Shown("worker_us_per_event", "worker, µs", plotted=False),
        Shown("postgres_us_per_event", "PostgreSQL, µs", plotted=False),
        Shown("lag_ms", "last token stored after, ms", plotted=False),
        Shown("burst deltas_per_s", f"worker, {STREAMS} streams waiting: tokens/s stored", less=False),
        Shown("long sql_bytes_per_event", f"answers of {LONG:,} tokens: to SQL a token, bytes", plotted=False),
    )

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        ledger = Ledger(stage)
        ours = stage.running.kind == "roomlog"
        await stage.publish_to(await stage.running.rooms(STREAMS if ours and self.bursts else ANSWERS), 0)
        before = await ledger.look()
        window = stage.window()
        if ours:
            emitted = await stage.publisher.ask("pace", rate=ANSWERS * RATE, seconds=plan.window_s, rooms=ANSWERS)
        else:
            emitted = await stage.publisher.ask("burst", per_room=ONE_BY_ONE)
        events = int(emitted["events"])
        lag_s = await ledger.stored(events)
        usage = window.end()
        figures = await ledger.cost(before, events, usage) | {"lag_ms": lag_s * 1000, "events": float(events)}
        return Outcome(figures | (await self._bursts(stage, ledger, events) if ours and self.bursts else {}), usage)

    async def _bursts(self, stage: Stage, ledger: Ledger, events: int) -> dict[str, float]:
        """A worker that was held up meanwhile folds a burst; then long answers."""
        (worker,) = (program for program in stage.running.programs if program.role == "worker")
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            await stage.publisher.ask("burst", per_room=BURST, rooms=STREAMS)
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        events += STREAMS * BURST
        figures = {"burst deltas_per_s": STREAMS * BURST / await ledger.stored(events)}
        before, window = await ledger.look(), stage.window()
        await stage.publisher.ask("burst", per_room=LONG, rooms=LONG_STREAMS)
        await ledger.stored(events + LONG * LONG_STREAMS)
        cost = await ledger.cost(before, LONG * LONG_STREAMS, window.end())
        return figures | {f"long {name}": value for name, value in cost.items()}


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

    async def cost(self, before: Look, events: int, usage: Usage) -> dict[str, float]:
        """What `events` tokens cost since `before`, each."""
        now = await self.look()
        cpu = {role: usage.cpu_s.get(role, 0.0) / events * 1e6 for role in ("publisher", "worker", "postgres", "redis")}
        return {
            "sql_bytes_per_event": (now.sql_bytes - before.sql_bytes) / events,
            "transactions_per_event": (now.transactions - before.transactions) / events,
            "wal_bytes_per_event": (now.wal_bytes - before.wal_bytes) / events,
            "emit_and_fold_us_per_event": cpu["publisher"] + cpu["worker"] + cpu["postgres"],
        } | {f"{role}_us_per_event": value for role, value in cpu.items()}

    async def _connect(self) -> psycopg.AsyncConnection[tuple[int]]:
        return await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)


async def _number(connection: psycopg.AsyncConnection[tuple[int]], statement: str) -> int:
    row = await (await connection.execute(statement)).fetchone()
    assert row is not None
    return int(row[0])
