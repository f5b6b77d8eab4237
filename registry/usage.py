"""Which models are in use: entries that expire seconds after the last client that said so."""

from __future__ import annotations

import time

from streams.keys import Keys
from streams.link import Client, retrying

USAGE_TTL_S = 5
"""Pages say so every second while they generate."""


class Usage:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._key = keys.usage
        self._client = client

    async def note(self, model: str) -> None:
        """The model is in use for the next seconds."""
        now = int(time.time() * 1000)

        async def note() -> None:
            pipe = self._client.pipeline(transaction=False)
            pipe.zremrangebyscore(self._key, "-inf", now)
            pipe.zadd(self._key, {model: now + USAGE_TTL_S * 1000})
            pipe.expire(self._key, USAGE_TTL_S)
            await pipe.execute()

        await retrying(note)

    async def models(self) -> list[str]:
        """The models in use, sorted by name."""
        now = int(time.time() * 1000)
        raw = await retrying(lambda: self._client.zrangebyscore(self._key, now, "+inf"))
        return sorted(model.decode() for model in raw)
