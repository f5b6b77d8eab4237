"""What the database lets its user do, and how far its tables are: asked without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection

from archive.database import connection_string, translated
from archive.server import migration_of

TABLES = (
    "channel_marks",
    "channel_members",
    "channel_messages",
    "channel_reactions",
    "channel_webhooks",
    "channels",
    "chat_marks",
    "chats",
    "document_history",
    "document_quarantine",
    "documents",
    "grants",
    "messages",
    "note_marks",
    "notes",
    "rooms",
    "users",
)
"""All that the migrations make, but their own mark; a test compares."""


@dataclass(frozen=True, slots=True)
class DatabaseRights:
    """user, schema: whose, and where the tables are looked for; schema None: nowhere.

    may_create: whether migrations may make tables there. in_recovery: it is a replica, and takes no writes.
    migration: the tables' version; None: there are none yet. denied: tables that the user may not read and write.
    connections: clients' of the whole server, of `max_connections`.
    """

    version: str
    user: str
    schema: str | None
    may_create: bool
    in_recovery: bool
    connections: int
    max_connections: int
    migration: str | None
    denied: tuple[str, ...]


_STANDING = b"""
    SELECT current_setting('server_version'), current_user, current_schema(),
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), pg_is_in_recovery(),
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        current_setting('max_connections')::int
"""
_DENIED = b"""
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relname = ANY(%s) AND NOT (
        has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
        AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))
    ORDER BY relname
"""


async def database_rights(database_url: str) -> DatabaseRights:
    """Connect once and ask. Raises ArchiveUnavailable."""
    with translated():
        async with await AsyncConnection.connect(connection_string(database_url, "roomlog check")) as connection:
            standing = await (await connection.execute(_STANDING)).fetchone()
            assert standing is not None
            denied = await (await connection.execute(_DENIED, [list(TABLES)])).fetchall()
            migration = await migration_of(connection)
            return DatabaseRights(*(*standing, migration, tuple(row[0] for row in denied)))
