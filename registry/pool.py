"""The session pool: which sessions are connected, over all nodes, as entries that expire by themselves.

A node refreshes the entries of its own sockets and of no others, so a dead node's entries vanish. Every call here costs
a constant number of Redis commands, however many sessions there are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from registry.nodes import ALIVE_S
from streams.keys import Keys
from streams.link import Client, retrying, run_script

SLICE = 200
"""Sessions that one refreshing script call keeps: about 2 ms of the server."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A connected session. connection: `node/engine sid`, new with every (re)connect. since_ms: when it connected."""

    sid: str
    user_id: str
    connection: str
    since_ms: int


class Pool:
    """All calls may be repeated and raise LogUnavailable. ttl_s: how long an entry lives that nobody refreshes."""

    def __init__(self, keys: Keys, client: Client, ttl_s: float) -> None:
        self._keys = keys
        self._client = client
        self._ttl_ms = int(ttl_s * 1000)

    async def enter(self, session: Pooled) -> None:
        """Note a session that (re)connected; an older connection of it loses the entry."""
        await self._hold([session], "take")

    async def refresh(self, sessions: Sequence[Pooled]) -> None:
        """Keep the entries of connected sessions, save those that came back elsewhere meanwhile."""
        for start in range(0, len(sessions), SLICE):
            await self._hold(sessions[start : start + SLICE], "keep")

    async def _hold(self, sessions: Sequence[Pooled], how: Literal["take", "keep"]) -> None:
        keys: list[str] = [self._keys.users]
        args: list[object] = [self._ttl_ms, how]
        for session in sessions:
            keys += (self._keys.pool(session.sid), self._keys.sessions_of(session.user_id))
            args += (session.sid, session.user_id, session.connection, session.since_ms)
        await retrying(lambda: run_script(self._client, "pool_hold", keys, args))

    async def leave(self, session: Pooled) -> None:
        """Take a session out, unless another connection has it by now."""
        keys = [self._keys.users, self._keys.pool(session.sid), self._keys.sessions_of(session.user_id)]
        args = [session.sid, session.user_id, session.connection]
        await retrying(lambda: run_script(self._client, "pool_drop", keys, args))

    async def find(self, sid: str) -> Pooled | None:
        """The session, if it is connected to a living node."""
        return await retrying(lambda: self._find(sid))

    async def _find(self, sid: str) -> Pooled | None:
        fields = ["user", "connection", "since"]
        user, connection, since = await self._client.hmget(self._keys.pool(sid), fields)
        if user is None:
            return None
        report = await self._client.hget(self._keys.nodes, connection.decode().partition("/")[0])
        if report is None or time.time() - json.loads(report)["time"] > ALIVE_S:
            return None
        return Pooled(sid, user.decode(), connection.decode(), int(since))

    async def newest_of(self, user_id: str) -> Pooled | None:
        """The user's session that connected last, of at most ten."""
        now = int(time.time() * 1000)
        key = self._keys.sessions_of(user_id)
        raw: list[Any] = await retrying(lambda: self._client.zrevrangebyscore(key, "+inf", now, start=0, num=10))
        found = [await self.find(sid.decode()) for sid in raw]
        return max((s for s in found if s is not None), key=lambda s: s.since_ms, default=None)

    async def is_connected(self, user_id: str) -> bool:
        """Whether any session of the user is connected."""
        now = int(time.time() * 1000)
        return bool(await retrying(lambda: self._client.zcount(self._keys.sessions_of(user_id), now, "+inf")))

    async def user_count(self) -> int:
        """How many users are connected."""
        now = int(time.time() * 1000)
        return int(await retrying(lambda: self._client.zcount(self._keys.users, now, "+inf")))
