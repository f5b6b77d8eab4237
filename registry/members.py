"""Who is in a room, over all nodes, as entries that expire by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable

from streams.keys import Keys
from streams.link import Client, retrying

MEMBER_TTL_S = 30
"""A member that its node does not refresh is gone after this. Nodes refresh every third of it."""


class Members:
    """Sorted sets room -> session ids with the second until which each counts. All calls may be repeated."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def enter(self, room: str, sid: str) -> None:
        await self.refresh([(room, sid)])

    async def leave(self, room: str, sid: str) -> None:
        await retrying(lambda: self._client.zrem(self._keys.members(room), sid))

    async def refresh(self, memberships: Iterable[tuple[str, str]]) -> None:
        """Keep these (room, session id) alive, and drop expired ones of the same rooms."""
        until = int(time.time()) + MEMBER_TTL_S
        pairs = list(memberships)

        async def refresh() -> None:
            pipe = self._client.pipeline(transaction=False)
            for room, sid in pairs:
                pipe.zadd(self._keys.members(room), {sid: until})
                pipe.expire(self._keys.members(room), 2 * MEMBER_TTL_S)
            for room in {room for room, _sid in pairs}:
                pipe.zremrangebyscore(self._keys.members(room), "-inf", until - MEMBER_TTL_S - 1)
            await pipe.execute()

        if pairs:
            await retrying(refresh)
