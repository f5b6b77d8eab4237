"""Migrations: from nothing to the newest schema, however many processes start at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy.exc

from archive import Archive, open_pool
from archive.patches import MESSAGE_FIELDS
from migrations import upgrade
from tests.support.postgres import Postgres


@pytest.fixture
def empty_url(postgres: Postgres) -> Iterator[str]:
    with postgres.database(template="template0") as url:
        yield url


def test_many_processes_may_migrate_one_database_at_once(empty_url: str) -> None:
    program = "import sys, migrations; migrations.upgrade(sys.argv[1])"
    processes = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program, empty_url], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


async def test_the_socket_folder_may_stand_in_the_url(empty_url: str) -> None:
    info = psycopg.conninfo.conninfo_to_dict(empty_url)
    url = f"postgresql://{info['user']}@/{info['dbname']}?host={info['host']}"
    upgrade(url)
    upgrade(url)
    async with open_pool(url) as pool:
        await Archive(pool).ping()


def test_the_tables_have_a_column_for_every_field_of_the_fold(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'messages'")
        columns = {name for (name,) in rows}
    assert columns == {"chat_id", "id", "ordinal", *MESSAGE_FIELDS}


def test_a_failed_migration_raises(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE messages (in_the_way int)")
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="already exists"):
        upgrade(empty_url)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT to_regclass('chats')").fetchone() == (None,)
