"""Bring a database to the newest schema, from any number of processes at once."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

LOCK_KEY = 0x726F6F6D6C6F67  # "roomlog": one advisory lock per database, held while migrating


def upgrade(database_url: str) -> None:
    """Run every migration that the database lacks, in one transaction; nothing happens when it lacks none.

    database_url: any form that libpq reads, such as `postgresql://user@/name?host=/socket/dir`. Blocks while another
    process migrates the same database. Raises sqlalchemy.exc.DBAPIError; the database is then as it was.
    """
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(database_url), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        command.upgrade(_config(connection), "head")


def versions() -> list[str]:
    """Every version that the schema ever had, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(_place()).walk_revisions()]


def _config(connection: sqlalchemy.Connection) -> Config:
    config = _place()
    config.attributes["connection"] = connection
    return config


def _place() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
