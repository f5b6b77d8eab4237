"""The users that were seen: name, role and when they were last active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

ACTIVE_EVERY_S = 60  # last_active_at is written at most this often


@dataclass(frozen=True, slots=True)
class User:
    """A user as its tokens name it. Times in Unix seconds; 0: not known."""

    id: str
    name: str = ""
    email: str = ""
    role: str = "user"
    last_active_at: int = 0
    created_at: int = 0


# A user who comes back unchanged costs no write. A token without a name (or address) leaves the one that is known; a
# role that an admin gave stays, whatever the token claims.
_SEE = b"""
    INSERT INTO users AS u (id, name, email, role) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET
        name = coalesce(nullif(excluded.name, ''), u.name),
        email = coalesce(nullif(excluded.email, ''), u.email),
        role = CASE WHEN u.role_given THEN u.role ELSE excluded.role END
    WHERE (u.name, u.email) IS DISTINCT FROM
        (coalesce(nullif(excluded.name, ''), u.name), coalesce(nullif(excluded.email, ''), u.email))
        OR NOT u.role_given AND u.role <> excluded.role
"""
_GIVE_ROLE = b"""
    UPDATE users SET role = %s, role_given = true WHERE id = %s
    RETURNING id, name, email, role, last_active_at, created_at
"""
_GIVEN_ROLE = b"SELECT role FROM users WHERE id = %s AND role_given"
_TOUCH = b"UPDATE users SET last_active_at = %s WHERE id = %s AND last_active_at < %s"
_COLUMNS = b"SELECT id, name, email, role, last_active_at, created_at FROM users "
_NAMED = _COLUMNS + b"WHERE id = ANY(%s)"
_PAGE = _COLUMNS + b"ORDER BY id LIMIT %s OFFSET %s"


async def see(connection: AsyncConnection[Any], user_id: str, name: str, email: str, role: str) -> None:
    await connection.execute(_SEE, [user_id, name, email, role])


async def touch(connection: AsyncConnection[Any], user_id: str, at_s: int) -> bool:
    cursor = await connection.execute(_TOUCH, [at_s, user_id, at_s - ACTIVE_EVERY_S])
    return cursor.rowcount == 1


async def give_role(connection: AsyncConnection[Any], user_id: str, role: str) -> User | None:
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(_GIVE_ROLE, [role, user_id])).fetchone()


async def given_role(connection: AsyncConnection[Any], user_id: str) -> str:
    row = await (await connection.execute(_GIVEN_ROLE, [user_id])).fetchone()
    return "" if row is None else str(row[0])


async def named(connection: AsyncConnection[Any], user_ids: Sequence[str]) -> dict[str, User]:
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        return {user.id: user for user in await (await cursor.execute(_NAMED, [list(user_ids)])).fetchall()}


async def page(connection: AsyncConnection[Any], limit: int, offset: int) -> tuple[User, ...]:
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        return tuple(await (await cursor.execute(_PAGE, [limit, offset])).fetchall())
