"""Which sessions count as viewers of a room, over all nodes, as entries that expire by themselves.

Who is present now is another question (`registry.present`): a viewer who is away, and may resume, still counts here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.keys import Keys
from streams.link import Client, retrying, run_script

SLICE = 200
"""Memberships that one script call keeps."""


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
        pairs = list(memberships)
        for start in range(0, len(pairs), SLICE):
            await self._keep(pairs[start : start + SLICE])

    async def _keep(self, pairs: Sequence[tuple[str, str]]) -> None:
        keys = [self._keys.members(room) for room, _sid in pairs]
        args = [self._ttl_s, *(sid for _room, sid in pairs)]
        await retrying(lambda: run_script(self._client, "members_keep", keys, args))
