"""Who counts as a viewer of a room, for operators: read only (registry/members.py keeps it)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streams.keys import Keys
from streams.link import Client, now_ms, retrying


@dataclass(frozen=True, slots=True)
class Viewer:
    """A session in a room. user_id: None while it is away. until_ms: Unix ms until which it counts unless refreshed."""

    sid: str
    user_id: str | None
    until_ms: int


class Viewers:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def counts(self, rooms: Sequence[str]) -> dict[str, int]:
        """How many sessions each of these rooms has."""

        async def counts() -> list[int]:
            now_s = await now_ms(self._client) // 1000
            pipe = self._client.pipeline(transaction=False)
            for room in rooms:
                pipe.zcount(self._keys.members(room), f"({now_s}", "+inf")
            return list(await pipe.execute())

        return dict(zip(rooms, await retrying(counts), strict=True)) if rooms else {}

    async def some(self, room: str, limit: int) -> list[Viewer]:
        """The sessions of a room that count longest, so many at most."""

        async def some() -> list[tuple[bytes, float]]:
            now_s = await now_ms(self._client) // 1000
            key = self._keys.members(room)
            return list(
                await self._client.zrevrangebyscore(key, "+inf", f"({now_s}", start=0, num=limit, withscores=True)
            )

        found = [(sid.decode(), int(until_s)) for sid, until_s in await retrying(some)]
        users = await retrying(lambda: self._users([sid for sid, _until_s in found])) if found else []
        return [
            Viewer(sid, user.decode() if user else None, until_s * 1000)
            for (sid, until_s), user in zip(found, users, strict=True)
        ]

    async def _users(self, sids: Sequence[str]) -> list[bytes | None]:
        pipe = self._client.pipeline(transaction=False)
        for sid in sids:
            pipe.hget(self._keys.pool(sid), "user")
        return list(await pipe.execute())
