"""The look for tokens that are good no longer: nobody stays in with one."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from app.follow import Followers
from app.session import Session
from app.sessions import NodeSessions
from registry.revocation import Revocations
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.node")


class TokenWatch:
    """disconnect: ends a session of this node for good."""

    def __init__(
        self,
        sessions: NodeSessions,
        followers: Followers,
        revocations: Revocations,
        disconnect: Callable[[Session], None],
    ) -> None:
        self._sessions = sessions
        self._followers = followers
        self._revocations = revocations
        self._disconnect = disconnect

    async def look(self) -> None:
        """Let everybody go whose token has expired by now, or was revoked; those when the log answers."""
        self._cut_off_expired(time.time())
        try:
            await self.disconnect_revoked()
        except LogUnavailable as fault:
            log.warning("revoked tokens were not looked for: %s", fault)

    def _cut_off_expired(self, now: float) -> None:
        """Who has a newer token comes back with it, and resumes."""
        self._followers.close_expired(now)
        for session in list(self._sessions.by_sid.values()):
            if session.identity.has_expired(now) and not session.feed.closed:
                log.info("session %(session)s is cut off: its token has expired", {"session": session.sid})
                self._sessions.cut_off(session)

    async def disconnect_revoked(self) -> None:
        """End every session and stream whose token was revoked. Raises LogUnavailable."""
        claims = {session.identity.claim for session in self._sessions.by_sid.values()} | self._followers.claims
        revoked = await self._revocations.revoked(list(claims))
        if revoked:
            self._followers.close_revoked(revoked)
            for session in list(self._sessions.by_sid.values()):
                if session.identity.claim in revoked:
                    log.info("session %(session)s is disconnected: its token was revoked", {"session": session.sid})
                    self._disconnect(session)
