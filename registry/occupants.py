"""Who is in a room now, over all nodes, for operators: read only.

`user:` rooms are told by the session pool (registry/pool.py), the others by their presence (registry/present.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from streams.keys import Keys
from streams.link import Client, now_ms, retrying

USER_KIND = "user:"


@dataclass(frozen=True, slots=True)
class Occupant:
    """A connected session in a room. sid: its public id; None where the room does not show it. node: where it is.

    until_ms: Unix ms until which it counts unless its node refreshes it.
    """

    sid: str | None
    user_id: str
    node: str | None
    until_ms: int


class Occupants:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def counts(self, rooms: Sequence[str]) -> dict[str, int]:
        """How many sessions are in each of these rooms."""

        async def counts() -> list[int]:
            now = await now_ms(self._client)
            pipe = self._client.pipeline(transaction=False)
            for room in rooms:
                pipe.zcount(self._key(room), now, "+inf")
            return list(await pipe.execute())

        return dict(zip(rooms, await retrying(counts), strict=True)) if rooms else {}

    async def some(self, room: str, limit: int) -> list[Occupant]:
        """The sessions in a room, so many at most."""

        async def some() -> list[tuple[bytes, float]]:
            key, now = self._key(room), await now_ms(self._client)
            return list(await self._client.zrevrangebyscore(key, "+inf", now, start=0, num=limit, withscores=True))

        found = [(member, int(until_ms)) for member, until_ms in await retrying(some)]
        if room.startswith(USER_KIND):
            return await self._of_user(room.removeprefix(USER_KIND), found)
        return [_present(member, until_ms) for member, until_ms in found]

    async def _of_user(self, user_id: str, found: Sequence[tuple[bytes, int]]) -> list[Occupant]:
        sids = [sid.decode() for sid, _until_ms in found]

        async def connections() -> list[bytes | None]:
            pipe = self._client.pipeline(transaction=False)
            for sid in sids:
                pipe.hget(self._keys.pool(sid), "connection")
            return list(await pipe.execute())

        at = [_node(raw.decode()) if raw else None for raw in await retrying(connections)] if sids else []
        return [
            Occupant(sid, user_id, node, until_ms) for sid, node, (_, until_ms) in zip(sids, at, found, strict=True)
        ]

    def _key(self, room: str) -> str:
        if room.startswith(USER_KIND):
            return self._keys.sessions_of(room.removeprefix(USER_KIND))
        return self._keys.present(room)


def _present(member: bytes, until_ms: int) -> Occupant:
    """member: as `registry.present.Present` makes it."""
    connection, user_id, _name, *sid = orjson.loads(member)
    return Occupant(sid[0] if sid else None, user_id, _node(connection), until_ms)


def _node(connection: str) -> str:
    return connection.partition("/")[0]
