"""A real PostgreSQL for the tests: one server per session, one migrated template, a database of its own per test."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from archive import Archive, RoomFold, open_pool, sift
from embedded import hold, passing_folder
from migrations import upgrade
from streams.entry import Entry, Position

TEMPLATE = "roomlog_template"
# Tests kill processes, not the machine: no need to wait for the disk.
_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")


@dataclass(frozen=True)
class Postgres:
    """A running server. url: of its `postgres` database, as a superuser."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url_of(self, database: str) -> str:
        return make_conninfo(self.url, dbname=database)

    def create(self, *, template: str = "template0") -> str:
        """Make an empty database and return its name. template: nobody may be connected to it."""
        name = f"test_{next(self._numbers)}"
        self.run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, database: str) -> None:
        """Drop it, and whatever connections a test left in it."""
        self.run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def run(self, statement: sql.Composed | sql.SQL) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def database(self, *, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a fresh database, dropped at the end; with all tables unless another template is asked for."""
        name = self.create(template=template)
        try:
            yield self.url_of(name)
        finally:
            self.drop(name)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server in a folder of its own, with the migrated template in it; stopped and removed at the end."""
    with passing_folder("roomlog-pg-") as folder, hold(folder, redis=False) as urls:
        postgres = Postgres(urls["postgres"])
        for setting in _FAST:
            postgres.run(sql.SQL("ALTER SYSTEM SET {}").format(sql.SQL(setting)))
        postgres.run(sql.SQL("SELECT pg_reload_conf()"))
        postgres.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        upgrade(postgres.url_of(TEMPLATE))
        yield postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's server."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a database with all tables, of this test alone."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="module")
def shared_database_url(postgres: Postgres) -> Iterator[str]:
    """The same for all tests of a file: each example of a property has its own users."""
    with postgres.database() as url:
        yield url


@pytest.fixture
async def archive(database_url: str) -> AsyncIterator[Archive]:
    """An archive on this test's own database."""
    async with open_pool(database_url, max_size=4) as pool:
        yield Archive(pool)


class UserLog:
    """A user's room as a test writes it: entries with rising positions, 400 ms apart."""

    def __init__(self, user_id: str = "owner", start_ms: int = 1_763_700_000_000) -> None:
        self.room = f"user:{user_id}"
        self.entries: list[Entry] = []
        self._start_ms = start_ms

    def add(self, kind: str, data: object, *, chat_id: object = "chat", message_id: object = "message") -> Entry:
        """Append an `events` entry of this type."""
        return self.raw(
            json.dumps({"chat_id": chat_id, "message_id": message_id, "data": {"type": kind, "data": data}}).encode()
        )

    def raw(self, payload: bytes, *, event: str = "events", room: str | None = None) -> Entry:
        """Append an entry with these very bytes."""
        position = Position(self._start_ms + 400 * len(self.entries), 0)
        self.entries.append(Entry(position, room or self.room, event, payload, self.position()))
        return self.entries[-1]

    def position(self, count: int | None = None) -> Position:
        """Where the room stands after its first `count` entries, or after all of them."""
        entries = self.entries if count is None else self.entries[:count]
        return entries[-1].position if entries else Position.ZERO

    def fold(self, begin: int = 0, end: int | None = None) -> RoomFold:
        """The fold of entries [begin, end), poison left out as the worker does."""
        end = len(self.entries) if end is None else end
        changes = sift(self.entries[begin:end]).changes
        return RoomFold(self.room, self.position(begin), self.position(end), changes)
