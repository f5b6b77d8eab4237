"""Connections to PostgreSQL: the pool, the check at the start, and what its errors mean to a caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from archive.errors import ArchiveRefused, ArchiveUnavailable, DatabaseUnusable

OLDEST_VERSION = 13  # the oldest that the tables and statements are made for
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
# Of a link that is up but silent: a probe after 10 s, the connection given up 15 s later.
_LINK = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
# Every statement goes by key. Said to the planner, because a plan made while a table was small is kept for long:
# measured, one commit took 58 ms instead of 8 after 200,000 messages had been added.
_SESSION = b"SELECT set_config('statement_timeout', %s, false), set_config('enable_seqscan', 'off', false)"
# SQLSTATE classes that speak about the data: data exception, integrity constraint, program limit.
_ABOUT_THE_DATA = ("22", "23", "54")
_MIGRATE = ": it is not migrated; a node or a worker that starts does that (roomlog worker)"


def open_pool(
    database_url: str,
    *,
    application_name: str = "roomlog",
    min_size: int = 1,
    max_size: int = 8,
    wait_s: float = 10.0,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
) -> AsyncConnectionPool:
    """A pool that is still closed: nothing connects before `await pool.open()` or `async with pool`.

    wait_s: how long a caller waits for a connection; then ArchiveUnavailable. What the URL itself sets, such as
    `?connect_timeout=`, is kept.
    """

    async def configure(connection: AsyncConnection[Any]) -> None:
        set_json_loads(orjson.loads, connection)
        await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)  # compare-and-set waits, then looks again
        await connection.execute(_SESSION, [str(statement_timeout_ms)])

    async def check(connection: AsyncConnection[Any]) -> None:
        try:
            await pool.check_connection(connection)
        except psycopg.Error:
            await pool.check()  # one died, so all may have: replace them now, not one per caller
            raise

    pool = AsyncConnectionPool(
        connection_string(database_url, application_name),
        kwargs={"autocommit": True},
        configure=configure,
        check=check,  # one round trip, so that after a restart of the server no caller is handed a dead connection
        min_size=min_size,
        max_size=max_size,
        timeout=wait_s,
        open=False,
        name=application_name,
    )
    return pool


async def check_database(database_url: str) -> None:
    """Connect once and look at the server. Raises DatabaseUnusable, in one line that says what to mend."""
    conninfo = connection_string(database_url, "roomlog")
    info = conninfo_to_dict(conninfo)
    where = f"PostgreSQL at {info.get('host', 'the default socket')}, database {info.get('dbname', 'of the user')}"
    try:
        connection = await AsyncConnection.connect(conninfo)
        version = connection.info.server_version
        await connection.close()
    except psycopg.Error as error:
        raise DatabaseUnusable(f"{where}: {_one_line(error)}") from error
    require_version(version, where)


def require_version(server_version: int, where: str) -> None:
    """server_version: libpq's number, such as 160004 for 16.4. Raises DatabaseUnusable below OLDEST_VERSION."""
    if server_version // 10_000 < OLDEST_VERSION:
        major, minor = divmod(server_version, 10_000)
        raise DatabaseUnusable(f"{where} is version {major}.{minor}; Roomlog needs {OLDEST_VERSION} or newer")


@contextmanager
def translated() -> Iterator[None]:
    """psycopg's errors inside become ArchiveRefused, where the data is at fault, or else ArchiveUnavailable.

    Everything that is not about the data is worth a retry, a missing table or a revoked right too: an operator mends
    those, and a caller that took them for poison would park every entry of the log.
    """
    try:
        yield
    except psycopg.Error as error:
        about_the_data = (
            error.sqlstate[:2] in _ABOUT_THE_DATA if error.sqlstate else isinstance(error, psycopg.DataError)
        )
        if about_the_data:
            raise ArchiveRefused(_refusal(error)) from error
        raise ArchiveUnavailable(_one_line(error) + _advice(error)) from error


def connection_string(database_url: str, application_name: str) -> str:
    """What libpq is given: the URL, and our deadlines where it sets none. Raises DatabaseUnusable for no URL."""
    defaults: dict[str, str | int] = {
        "application_name": application_name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        **_LINK,
    }
    try:
        given = conninfo_to_dict(database_url)
    except psycopg.Error:
        # libpq's own words may quote the password
        raise DatabaseUnusable("not a PostgreSQL URL; expected postgresql://user:password@host:5432/database") from None
    return make_conninfo(database_url, **{key: value for key, value in defaults.items() if key not in given})


def _refusal(error: psycopg.Error) -> str:
    """`UniqueViolation (23505), table chats, constraint chats_pkey`, as far as PostgreSQL names them."""
    kind = type(error).__name__ + (f" ({error.sqlstate})" if error.sqlstate else "")
    named = {"table": error.diag.table_name, "constraint": error.diag.constraint_name, "column": error.diag.column_name}
    return ", ".join([kind, *(f"{what} {name}" for what, name in named.items() if name)])


def _advice(error: psycopg.Error) -> str:
    return _MIGRATE if isinstance(error, psycopg.errors.UndefinedTable) else ""


def _one_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
