"""The users that were seen: name, role and when they were last active."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

ACTIVE_EVERY_S = 60  # last_active_at is written at most this often

# A user who comes back unchanged costs no write.
_SEE = b"""
    INSERT INTO users AS u (id, name, email, role) VALUES (%s, %s, %s, %s)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, role = excluded.role
    WHERE (u.name, u.email, u.role) IS DISTINCT FROM (excluded.name, excluded.email, excluded.role)
"""
_TOUCH = b"UPDATE users SET last_active_at = %s WHERE id = %s AND last_active_at < %s"


async def see(connection: AsyncConnection[Any], user_id: str, name: str, email: str, role: str) -> None:
    await connection.execute(_SEE, [user_id, name, email, role])


async def touch(connection: AsyncConnection[Any], user_id: str, at_s: int) -> bool:
    cursor = await connection.execute(_TOUCH, [at_s, user_id, at_s - ACTIVE_EVERY_S])
    return cursor.rowcount == 1
