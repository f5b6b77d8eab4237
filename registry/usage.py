"""Which models are in use: entries that expire seconds after the last client that said so."""

from __future__ import annotations

from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

USAGE_TTL_S = 5
"""Pages say so every second while they generate."""


class Usage:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._key = keys.usage
        self._client = client

    async def note(self, model: str) -> None:
        """The model is in use for the next seconds."""
        await retrying(lambda: run_script(self._client, "usage_note", [self._key], [model, USAGE_TTL_S]))

    async def models(self) -> list[str]:
        """The models in use, sorted by name."""

        async def read() -> list[bytes]:
            return list(await self._client.zrangebyscore(self._key, await now_ms(self._client), "+inf"))

        return sorted(model.decode() for model in await retrying(read))
