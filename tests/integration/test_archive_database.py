"""What is said when PostgreSQL is not there, and that a caller can tell a retry from poison."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from archive import (
    Archive,
    ArchiveUnavailable,
    DatabaseUnusable,
    chat_list,
    chat_store,
    check_database,
    open_pool,
    reads,
)
from archive.database import require_version
from archive.patches import MESSAGE_FIELDS
from streams.entry import Position
from tests.support.postgres import Postgres, UserLog


async def test_a_good_database_passes_the_check(database_url: str) -> None:
    await check_database(database_url)
    await check_database(database_url + " connect_timeout=1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:hunter2@127.0.0.1:1/nothing",
        "postgresql://someone:hunter2@/nothing?host=/no/such/folder",
        "postgresql://someone:hunter2@host.invalid/nothing?connect_timeout=2",
        "not a url hunter2",
        "postgresql://someone:hunter2@host:port/nothing",
        "postgresql://someone:hunter2%zz@host/nothing",
    ],
)
async def test_an_unreachable_database_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        await check_database(url)
    line = str(caught.value)
    assert "\n" not in line
    assert "hunter2" not in line


async def test_a_missing_database_is_named(postgres: Postgres) -> None:
    with pytest.raises(DatabaseUnusable, match='database "missing" does not exist'):
        await check_database(postgres.url_of("missing"))


async def test_a_missing_role_is_named(database_url: str) -> None:
    with pytest.raises(DatabaseUnusable, match='role "nobody" does not exist'):
        await check_database(f"{database_url} user=nobody")


def ask_for_a_password(postgres: Postgres, role: str) -> None:
    """Make a role that can only log in with a password; the server reads its rules a moment later."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'right'").format(sql.Identifier(role)))
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        rules = Path(row[0])
        rules.write_text(f"local all {role} scram-sha-256\n{rules.read_text()}")
        connection.execute("SELECT pg_reload_conf()")


async def test_a_wrong_password_is_said_so_and_not_shown(postgres: Postgres) -> None:
    ask_for_a_password(postgres, "locked")

    async def check_until_refused() -> None:
        while True:
            await check_database(f"{postgres.url_of('postgres')} user=locked password=hunter2")

    with pytest.raises(DatabaseUnusable, match='password authentication failed for user "locked"') as caught:
        await asyncio.wait_for(check_until_refused(), timeout=10)
    assert "hunter2" not in str(caught.value)


async def test_no_statement_reads_a_whole_table(archive: Archive, database_url: str) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    await archive.commit([log.fold()])
    statements: list[tuple[bytes, list[Any]]] = [
        (chat_store.statement(True, ("content",)), ["[[], [], []]"]),
        (chat_store.statement(True, tuple(MESSAGE_FIELDS)), ["[[], [], []]"]),
        (reads._CHAT, ["chat"]),
        (chat_list._WINDOW, ["owner", [], 60, 0]),
        (reads._POSITIONS, [[log.room]]),
    ]
    async with open_pool(database_url) as pool, pool.connection() as connection:
        for statement, params in statements:
            rows = await (await connection.execute(b"EXPLAIN " + statement, params)).fetchall()
            plan = "\n".join(line for (line,) in rows)
            assert not re.search("Seq Scan on (rooms|chats|messages)", plan), plan


def test_an_old_server_is_refused_by_its_version() -> None:
    require_version(130000, "PostgreSQL at db")
    with pytest.raises(DatabaseUnusable, match=r"PostgreSQL at db is version 12\.22; Roomlog needs 13 or newer"):
        require_version(120022, "PostgreSQL at db")


async def test_a_closed_pool_is_unavailable(database_url: str) -> None:
    pool = open_pool(database_url)
    with pytest.raises(ArchiveUnavailable):
        await Archive(pool).ping()
    async with pool:
        await Archive(pool).ping()
    with pytest.raises(ArchiveUnavailable):
        await Archive(pool).ping()


async def test_missing_tables_are_worth_a_retry_and_no_poison(postgres: Postgres) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    with postgres.database(template="template0") as url:
        async with open_pool(url) as pool:
            with pytest.raises(ArchiveUnavailable, match='relation "rooms" does not exist'):
                await Archive(pool).commit([log.fold()])


async def kill_connections(postgres: Postgres, database_url: str, *, doing: str = "%") -> int:
    """Cut the links of those whose statement is LIKE `doing`, as a restart of the server does. How many there were."""
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'roomlog' AND query LIKE %s",
            [name, doing],
        )
        return cursor.rowcount


async def test_connections_that_died_in_the_pool_reach_no_caller(
    archive: Archive, postgres: Postgres, database_url: str
) -> None:
    await asyncio.gather(*(archive.ping() for _ in range(8)))
    assert await kill_connections(postgres, database_url) > 0
    await archive.ping()


async def test_a_connection_cut_in_a_commit_is_unavailable_and_nothing_is_stored(
    archive: Archive, postgres: Postgres, database_url: str
) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    with psycopg.connect(database_url, application_name="blocker") as blocker:
        blocker.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        task = asyncio.create_task(archive.commit([log.fold()]))
        async with asyncio.timeout(10):
            while await kill_connections(postgres, database_url, doing="%UPDATE rooms%") == 0:
                pass  # not there yet
        with pytest.raises(ArchiveUnavailable):
            await task
    assert await archive.stored([log.room]) == {log.room: Position.ZERO}
    assert (await archive.commit([log.fold()])).moved == {log.room}


async def test_a_statement_that_waits_too_long_is_unavailable(database_url: str) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    async with open_pool(database_url, statement_timeout_ms=50) as pool:
        with psycopg.connect(database_url) as blocker:
            blocker.execute("LOCK TABLE rooms IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(ArchiveUnavailable, match="statement timeout"):
                await Archive(pool).commit([log.fold()])
        assert (await Archive(pool).commit([log.fold()])).moved == {log.room}
