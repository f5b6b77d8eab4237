"""Which sessions count as viewers of a room, over all nodes, as entries that expire by themselves.

Who is present now is another question (`registry.present`): a viewer who is away, and may resume, still counts here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from streams.keys import Keys
from streams.link import Client, retrying


class Members:
    """Sorted sets room -> session ids with the second until which each counts. All calls may be repeated.

    ttl_s: for how long one counts that its node does not refresh: as long as the session may come back and claim
    what was appended for it.
    """

    def __init__(self, keys: Keys, client: Client, ttl_s: int) -> None:
        self._keys = keys
        self._client = client
        self._ttl_s = ttl_s

    async def enter(self, room: str, sid: str) -> None:
        await self.refresh([(room, sid)])

    async def leave(self, room: str, sid: str) -> None:
        await retrying(lambda: self._client.zrem(self._keys.members(room), sid))

    async def leave_all(self, memberships: Iterable[tuple[str, str]]) -> None:
        for room, sid in memberships:
            await self.leave(room, sid)

    async def refresh(self, memberships: Iterable[tuple[str, str]]) -> None:
        """Keep these (room, session id) alive, and drop expired ones of the same rooms."""
        until = int(time.time()) + self._ttl_s
        pairs = list(memberships)

        async def refresh() -> None:
            pipe = self._client.pipeline(transaction=False)
            for room, sid in pairs:
                pipe.zadd(self._keys.members(room), {sid: until})
                pipe.expire(self._keys.members(room), 2 * self._ttl_s)
            for room in {room for room, _sid in pairs}:
                pipe.zremrangebyscore(self._keys.members(room), "-inf", until - self._ttl_s - 1)
            await pipe.execute()

        if pairs:
            await retrying(refresh)
