"""Who was noted as active within the last minute: a key that expires by itself."""

from __future__ import annotations

from streams.keys import Keys
from streams.link import Client, retrying

NOTED_S = 60
CLAIM_S = 5
"""For so long one caller may be writing; longer than a write is given. One that died leaves the next to try."""


class Activity:
    """All calls raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def claim(self, user_id: str) -> bool:
        """True for the one caller that is to write now; nobody else is while it does, nor for a minute once it did."""
        key = self._keys.active(user_id)
        return bool(await retrying(lambda: self._client.set(key, "writing", nx=True, ex=CLAIM_S)))

    async def written(self, user_id: str) -> None:
        """The caller that claimed it has written."""
        await retrying(lambda: self._client.set(self._keys.active(user_id), "written", ex=NOTED_S))

    async def failed(self, user_id: str) -> None:
        """The caller that claimed it could not write: the next one may try."""
        await retrying(lambda: self._client.delete(self._keys.active(user_id)))
