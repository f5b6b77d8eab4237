"""What the database says of itself: for operators."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

_FACTS = b"""
    SELECT current_setting('server_version'), pg_database_size(current_database()),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int, pg_is_in_recovery()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """bytes: of this database on disk. connections: clients' of the whole server, of `max_connections`.

    in_recovery: it is a replica, and takes no writes. migration: the tables' version; None: there are none yet.
    """

    version: str | None = None
    bytes: int | None = None
    connections: int | None = None
    max_connections: int | None = None
    in_recovery: bool | None = None
    migration: str | None = None
    ping_ms: float | None = None


async def database_facts(connection: AsyncConnection[Any]) -> DatabaseFacts:
    begun = time.perf_counter()
    await connection.execute(b"SELECT 1")
    ping_ms = (time.perf_counter() - begun) * 1000
    row = await (await connection.execute(_FACTS)).fetchone()
    assert row is not None
    version, size, connections, most, in_recovery = row
    return DatabaseFacts(
        version=version,
        bytes=size,
        connections=connections,
        max_connections=most,
        in_recovery=in_recovery,
        migration=await migration_of(connection),
        ping_ms=round(ping_ms, 2),
    )


async def migration_of(connection: AsyncConnection[Any]) -> str | None:
    """The version of the tables; None where there are none yet."""
    there = await (await connection.execute(b"SELECT to_regclass('alembic_version') IS NOT NULL")).fetchone()
    if there is None or not there[0]:
        return None
    row = await (await connection.execute(b"SELECT version_num FROM alembic_version LIMIT 1")).fetchone()
    return None if row is None else str(row[0])
