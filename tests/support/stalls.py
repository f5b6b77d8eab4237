"""PostgreSQL that keeps a worker waiting at a chosen point, or is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import sql

from tests.support.nodes import DEADLINE_S, eventually
from tests.support.postgres import Postgres


@asynccontextmanager
async def held(database_url: str, table: str, *, reads: bool = False) -> AsyncIterator[None]:
    """Nobody can write to the table inside, or with `reads` not even read it: who wants to waits in its transaction."""
    mode = sql.SQL("ACCESS EXCLUSIVE" if reads else "EXCLUSIVE")
    async with await psycopg.AsyncConnection.connect(database_url) as holder:
        await holder.execute(sql.SQL("LOCK TABLE {} IN {} MODE").format(sql.Identifier(table), mode))
        yield
        await holder.rollback()


async def worker_waits(database_url: str) -> None:
    """Wait until a worker stands before the lock."""
    query = b"SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:

        async def waits() -> bool:
            return bool(await (await connection.execute(query)).fetchall())

        await eventually(waits, DEADLINE_S)


async def cut_off(database_url: str) -> None:
    """End the connections that stand before the lock, as the death of their machine does; they store nothing."""
    ended = b"""
        SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(ended)


class away:  # noqa: N801 - reads as a statement
    """Inside, the database refuses connections and has none."""

    def __init__(self, postgres: Postgres, database_url: str) -> None:
        self._postgres = postgres
        self._name = str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"])

    def __enter__(self) -> None:
        self._allow("false")
        ended = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
        self._postgres.run(ended.format(sql.Literal(self._name)))

    def __exit__(self, *_: object) -> None:
        self._allow("true")

    def _allow(self, value: str) -> None:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        self._postgres.run(statement.format(sql.Identifier(self._name), sql.SQL(value)))
