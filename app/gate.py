"""The gate: who may connect."""

from __future__ import annotations

from typing import Any

from app.admission import Admission, Admissions
from app.auth import BadToken, Identity, Tokens
from app.payloads import UserJoin, parse
from app.profiles import Profiles
from app.roles import Roles
from app.session import Session
from app.session_rooms import SessionRooms
from app.sessions import NodeSessions
from app.users import Users
from registry.standing import Standings


class Gate:
    """Reads tokens and lets their bearers in, as new or resumed sessions of this node."""

    def __init__(
        self,
        tokens: Tokens,
        standings: Standings,
        profiles: Profiles,
        roles: Roles,
        users: Users,
        sessions: NodeSessions,
        rooms: SessionRooms,
        admissions: Admissions,
    ) -> None:
        self._tokens = tokens
        self._standings = standings
        self._profiles = profiles
        self._roles = roles
        self._users = users
        self._sessions = sessions
        self._rooms = rooms
        self._admissions = admissions

    async def identify(self, token: object) -> Identity:
        """Who the token speaks for; a user appears by it. Raises BadToken, also for a revoked one, LogUnavailable."""
        claimed = self._tokens.read(token)
        standing = await self._standings.of(claimed.claim)
        if standing.is_revoked:
            raise BadToken("the token was revoked")
        named = await self._profiles.named(claimed, str(token))
        identity = await self._roles.with_role(named, standing.role)
        self._users.seen(identity)
        return identity

    async def identify_without_the_log(self, token: object) -> Identity:
        """The same while nobody can tell whether the token was revoked. Raises BadToken."""
        return await self._roles.without_the_log(self._tokens.read(token))

    async def admit(self, socket: Any, auth: dict[str, Any]) -> Admission:
        """Let a client in, resumed or new. Raises BadToken and LogUnavailable."""
        identity = await self.identify(auth.get("token"))
        admission = await self._admissions.admit(identity, socket, auth)
        await self._check_role(admission.session, identity)
        return admission

    async def lift(self, socket: Any, sid: str, event: str, payload: Any = None, *_more: Any) -> Session:
        """Let a client in that was connected into no room, by a `user-join` with a good token.

        Raises BadToken, also for every other event, BadPayload and LogUnavailable.
        """
        if event != "user-join":
            raise BadToken("connected without a good token: send user-join with one first")
        identity = await self.identify(parse(UserJoin, payload or {}).auth.token)
        session = await self._admissions.lift(identity, socket, sid)
        await self._check_role(session, identity)
        return session

    async def _check_role(self, session: Session, identity: Identity) -> None:
        """The role may have changed while the session came in, before the order about it could find it here."""
        try:
            now = await self._roles.applied(identity)
            if now.role != identity.role:
                await self._rooms.change_role(session, now.role)
        except BaseException:
            self._sessions.forget(session)
            raise
