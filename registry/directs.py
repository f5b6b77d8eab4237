"""Direct completions that somebody waits for: their lines may be appended while it says so."""

from __future__ import annotations

from collections.abc import Sequence

from streams.append import Fence
from streams.keys import Keys, direct_room
from streams.link import Client, now_ms, retrying, run_script

DIRECT_TTL_S = 15
"""A direct completion for which nobody said so for this long is over: the waiting process died."""


def fence_of(channel: str) -> Fence:
    """What refuses lines of a completion that nobody waits for."""
    return Fence(direct_room(channel), channel)


class Directs:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def keep(self, channel: str) -> None:
        """Somebody waits for this completion's lines, for some seconds more."""
        fence = fence_of(channel)
        keys, args = [self._keys.directs, self._keys.run(fence.name)], [channel, fence.run, DIRECT_TTL_S]
        await retrying(lambda: run_script(self._client, "direct_keep", keys, args), 2.0)

    async def end(self, channel: str) -> None:
        """Nobody waits any more: the lines are removed, later ones refused."""
        await self._drop([channel], self._keys.directs, "")

    async def reap(self, lease: str, token: str, limit: int = 500) -> int:
        """Remove completions whose waiting process died. Only by the lease's holder; returns how many."""

        async def expired() -> list[bytes]:
            now = await now_ms(self._client)
            return list(await self._client.zrangebyscore(self._keys.directs, "-inf", now, start=0, num=limit))

        channels = [channel.decode() for channel in await retrying(expired)]
        return await self._drop(channels, self._keys.lease(lease), token) if channels else 0

    async def _drop(self, channels: Sequence[str], lease: str, token: str) -> int:
        keys, args = [self._keys.directs, self._keys.heads, lease], [token]
        for channel in channels:
            room = direct_room(channel)
            keys += (self._keys.room(room), self._keys.run(fence_of(channel).name))
            args += (channel, room)
        return int(await retrying(lambda: run_script(self._client, "direct_drop", keys, args)))
