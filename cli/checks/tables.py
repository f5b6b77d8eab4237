"""PostgreSQL: whether it answers, how far its tables are, and whether its user may use them."""

from __future__ import annotations

from archive.database import check_database
from archive.errors import ArchiveError
from archive.rights import DatabaseRights, database_rights
from cli.checks.finding import Finding
from migrations import versions
from oversight.advice import CONNECTIONS_WARN

ABOUT = "DATABASE_URL"
OWNER = "Let it own the database: ALTER DATABASE … OWNER TO …, or GRANT CREATE ON SCHEMA public TO …"


async def table_findings(database_url: str) -> list[Finding]:
    """Ask the server; nothing is migrated."""
    try:
        await check_database(database_url)
        rights = await database_rights(database_url)
    except ArchiveError as fault:
        return [Finding("bad", ABOUT, str(fault), _cure(str(fault)))]
    told = f"PostgreSQL {rights.version.partition(' ')[0]}, user {rights.user}"
    said = f"{told}, {rights.connections} of {rights.max_connections} connections taken"
    return [Finding("ok", ABOUT, said), _migration(rights), *_rights(rights), *_server(rights)]


def _migration(rights: DatabaseRights) -> Finding:
    known = versions()
    if rights.migration == known[0]:
        return Finding("ok", ABOUT, f"its tables are of the newest version, {known[0]}")
    if rights.migration is not None and rights.migration not in known:
        what = f"its tables are of version {rights.migration}, which this Roomlog does not know"
        return Finding("bad", ABOUT, what, "Run the Roomlog that made them, or a newer one.")
    waiting = known.index(rights.migration) if rights.migration else len(known)
    if not rights.may_create:
        what = f"{waiting} migrations wait, and {rights.user} may not create tables in schema {rights.schema}"
        return Finding("bad", ABOUT, what, OWNER)
    return Finding("ok", ABOUT, f"{waiting} migrations wait; the next node that starts runs them")


def _rights(rights: DatabaseRights) -> list[Finding]:
    if not rights.denied:
        return []
    what = f"{rights.user} may not read and write {', '.join(rights.denied)}"
    cure = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {rights.schema} TO {rights.user}"
    return [Finding("bad", ABOUT, what, cure)]


def _server(rights: DatabaseRights) -> list[Finding]:
    found = []
    if rights.in_recovery:
        what = "it is in recovery: it takes no writes"
        found.append(Finding("bad", ABOUT, what, "Point DATABASE_URL at the primary, or promote this one."))
    if rights.connections >= CONNECTIONS_WARN * rights.max_connections:
        what = f"{rights.connections} of its {rights.max_connections} connections are taken"
        found.append(Finding("warn", ABOUT, what, "Raise max_connections: nodes and workers take 8 each."))
    return found


def _cure(said: str) -> str:
    if "not a PostgreSQL URL" in said:
        return "Write postgresql://user:password@host:5432/database."
    if "password" in said:
        return "Mend DATABASE_URL's user, or DATABASE_PASSWORD."
    if "does not exist" in said:
        return "Make it: createdb, createuser; or mend DATABASE_URL."
    if "or newer" in said:
        return "Upgrade it."
    return "Start it, or mend DATABASE_URL and the network between."
