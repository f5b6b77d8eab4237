"""A user as operators see one: its sessions on all nodes, its role, whether it was revoked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from archive.errors import ArchiveError
from archive.store import Archive
from registry.nodes import Nodes
from registry.pool import Pool, Pooled
from registry.revocation import Revocations
from streams.keys import Keys
from streams.link import Client

MOST = 500
"""Sessions of one user that are told of."""

ASK_S = 2.0


@dataclass(frozen=True, slots=True)
class UserSession:
    """connected: to a living node; the node of one that is not has just died. One that is away stands nowhere but under
    its private id, and is not told of.

    until_ms: Unix ms until which it counts, unless its node refreshes it. rooms: those that it is in; None when it is
    on another node than the one that was asked.
    """

    sid: str
    node: str | None
    connected: bool
    since_ms: int | None
    until_ms: int
    rooms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class UserSessions:
    """role: as the database has it; None for a user that was not seen, and while the database is away.

    revoked_at_s: Unix second; tokens of the user that were issued up to it are refused. sessions: MOST at most.
    """

    user_id: str
    role: str | None
    revoked_at_s: float | None
    sessions: tuple[UserSession, ...]


@dataclass(frozen=True, slots=True)
class Revoked:
    """revoked_at_s: Unix second; tokens that were issued up to it are refused."""

    revoked_at_s: int


class People:
    """All calls raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client, archive: Archive) -> None:
        self._pool = Pool(keys, client, 0)  # it only reads here
        self._nodes = Nodes(keys, client)
        self._revocations = Revocations(keys, client)
        self._archive = archive

    async def sessions(self, user_id: str) -> UserSessions:
        """The user's sessions, the connected first."""
        until = await self._pool.all_of(user_id, MOST)
        entries = await self._pool.entries(list(until))
        alive = set(await self._nodes.alive())
        sessions = [_session(sid, until[sid], entries, alive) for sid in until]
        sessions.sort(key=lambda session: (not session.connected, -(session.since_ms or 0), session.sid))
        revoked_at = await self._revocations.revoked_at(user_id)
        return UserSessions(user_id, await self._role(user_id), revoked_at, tuple(sessions))

    async def _role(self, user_id: str) -> str | None:
        try:
            async with asyncio.timeout(ASK_S):
                user = (await self._archive.users([user_id])).get(user_id)
        except (ArchiveError, TimeoutError):
            return None
        return None if user is None else user.role


def _session(sid: str, until_ms: int, entries: Mapping[str, Pooled], alive: set[str]) -> UserSession:
    entry = entries.get(sid)
    if entry is None:
        return UserSession(sid, None, False, None, until_ms)
    node = entry.node
    return UserSession(sid, node, node in alive, entry.since_ms, until_ms)
