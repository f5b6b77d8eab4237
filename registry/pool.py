"""The session pool: which sessions are connected, over all nodes, as entries that expire by themselves.

A node refreshes the entries of its own sockets and of no others, so a dead node's entries vanish. Every call here costs
a constant number of Redis commands, however many sessions there are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from registry.nodes import ALIVE_S
from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

SLICE = 200
"""Sessions that one refreshing script call keeps: about 2 ms of the server."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A connected session. connection: `node/engine sid`, new with every (re)connect.

    since_ms: when it connected, by the log server's clock; 0 for one that was not read from the pool.
    """

    sid: str
    user_id: str
    connection: str
    since_ms: int = 0

    @property
    def node(self) -> str:
        """The name of the node that has it."""
        return self.connection.partition("/")[0]


class Pool:
    """All calls may be repeated and raise LogUnavailable. ttl_s: how long an entry lives that nobody refreshes."""

    def __init__(self, keys: Keys, client: Client, ttl_s: float) -> None:
        self._keys = keys
        self._client = client
        self._ttl_ms = int(ttl_s * 1000)

    async def enter(self, session: Pooled) -> None:
        """Note a session that (re)connected; an older connection of it loses the entry."""
        await self._hold(session, "")

    async def enter_again(self, session: Pooled) -> None:
        """Note a connected session whose entry is gone, unless another connection of it came meanwhile."""
        await self._hold(session, "1")

    async def _hold(self, session: Pooled, only_free: str) -> None:
        args = [self._ttl_ms, session.sid, session.user_id, session.connection, only_free]
        await retrying(lambda: run_script(self._client, "pool_hold", self._places(session), args))

    async def keep(self, sessions: Sequence[Pooled]) -> set[str]:
        """Keep the entries that these connections hold, at most `SLICE` of them.

        Returns the ids of sessions without an entry: they ended, or nobody kept them for too long.
        """
        keys: list[str] = [self._keys.users]
        args: list[object] = [self._ttl_ms]
        for session in sessions:
            keys += self._places(session)[1:]
            args += (session.sid, session.user_id, session.connection)
        gone = await retrying(lambda: run_script(self._client, "pool_keep", keys, args))
        return {sid.decode() for sid in gone}

    def _places(self, session: Pooled) -> list[str]:
        return [self._keys.users, self._keys.pool(session.sid), self._keys.sessions_of(session.user_id)]

    async def leave(self, session: Pooled) -> None:
        """Take a session out, unless another connection has it by now."""
        args = [session.sid, session.user_id, session.connection]
        await retrying(lambda: run_script(self._client, "pool_drop", self._places(session), args))

    async def now_ms(self) -> int:
        """The time by which `since_ms` is told."""
        return await retrying(lambda: now_ms(self._client))

    async def find(self, sid: str) -> Pooled | None:
        """The session, if it is connected to a living node."""
        return await retrying(lambda: self._find(sid))

    async def _find(self, sid: str) -> Pooled | None:
        fields = ["user", "connection", "since"]
        user, connection, since = await self._client.hmget(self._keys.pool(sid), fields)
        if user is None:
            return None
        report = await self._client.hget(self._keys.nodes, connection.decode().partition("/")[0])
        if report is None or await now_ms(self._client) / 1000 - json.loads(report)["time"] > ALIVE_S:
            return None
        return Pooled(sid, user.decode(), connection.decode(), int(since))

    async def all_of(self, user_id: str, limit: int) -> dict[str, int]:
        """The user's connected sessions, so many at most -> Unix ms until which each counts as connected."""

        async def connected() -> list[tuple[bytes, float]]:
            key, now = self._keys.sessions_of(user_id), await now_ms(self._client)
            return list(await self._client.zrevrangebyscore(key, "+inf", now, start=0, num=limit, withscores=True))

        return {sid.decode(): int(until) for sid, until in await retrying(connected)}

    async def entries(self, sids: Sequence[str]) -> dict[str, Pooled]:
        """What is noted of those of these sessions that are connected, on whichever node, dead or alive."""

        async def entries() -> list[list[bytes | None]]:
            pipe = self._client.pipeline(transaction=False)
            for sid in sids:
                pipe.hmget(self._keys.pool(sid), ["user", "connection", "since"])
            return list(await pipe.execute())

        found = zip(sids, await retrying(entries), strict=True) if sids else ()
        return {
            sid: Pooled(sid, user.decode(), connection.decode(), int(since))
            for sid, (user, connection, since) in found
            if user is not None and connection is not None and since is not None
        }

    async def newest_of(self, user_id: str) -> Pooled | None:
        """The user's session that connected last, of at most ten."""
        key = self._keys.sessions_of(user_id)

        async def connected() -> list[bytes]:
            now = await now_ms(self._client)
            return list(await self._client.zrevrangebyscore(key, "+inf", now, start=0, num=10))

        found = [await self.find(sid.decode()) for sid in await retrying(connected)]
        return max((s for s in found if s is not None), key=lambda s: s.since_ms, default=None)

    async def is_connected(self, user_id: str) -> bool:
        """Whether any session of the user is connected."""
        return await retrying(lambda: self._count(self._keys.sessions_of(user_id))) > 0

    async def user_count(self) -> int:
        """How many users are connected."""
        return await retrying(lambda: self._count(self._keys.users))

    async def _count(self, key: str) -> int:
        return int(await self._client.zcount(key, await now_ms(self._client), "+inf"))
