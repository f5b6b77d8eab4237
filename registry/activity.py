"""Who was active within the last minute: a key that expires by itself."""

from __future__ import annotations

from streams.keys import Keys
from streams.link import Client, retrying


class Activity:
    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def first_this_minute(self, user_id: str) -> bool:
        """True for one caller a minute and user. Raises LogUnavailable."""
        key = self._keys.active(user_id)
        return bool(await retrying(lambda: self._client.set(key, "1", nx=True, ex=60)))
