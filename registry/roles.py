"""The roles that admins gave users, as every node may know them without asking the database."""

from __future__ import annotations

from streams.keys import Keys
from streams.link import Client, retrying

KNOWN_S = 600
"""For so long a role is remembered: what a change that failed half way leaves behind is gone then."""


class Roles:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def of(self, user_id: str) -> str | None:
        """The role that a user was given; "" for none, None when that is not known here."""
        raw = await retrying(lambda: self._client.get(self._keys.role(user_id)), 2.0)
        return None if raw is None else str(raw.decode())

    async def remember(self, user_id: str, role: str) -> None:
        """Remember what the database said, unless it is known by now, and newer."""
        await retrying(lambda: self._client.set(self._keys.role(user_id), role, nx=True, ex=KNOWN_S))

    async def change(self, user_id: str, role: str) -> None:
        """Let every node know a new role, once the database has it."""
        await retrying(lambda: self._client.set(self._keys.role(user_id), role, ex=KNOWN_S))
