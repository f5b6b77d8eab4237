"""The gate: who may connect."""

from __future__ import annotations

from typing import Any

from app.admission import Admission, Admissions
from app.auth import BadToken, Identity, Tokens
from app.payloads import UserJoin, parse
from app.session import Session
from app.users import Users
from registry.revocation import Revocations


class Gate:
    """Reads tokens and lets their bearers in. `admissions` is set when the node is put together."""

    def __init__(self, tokens: Tokens, revocations: Revocations, users: Users) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._users = users
        self.admissions: Admissions | None = None

    async def identify(self, token: object) -> Identity:
        """Who the token speaks for; a user appears by it. Raises BadToken, also for a revoked one, LogUnavailable."""
        identity = self._tokens.read(token)
        if await self._revocations.revoked([identity.claim]):
            raise BadToken("the token was revoked")
        self._users.seen(identity)
        return identity

    async def admit(self, socket: Any, auth: dict[str, Any]) -> Admission:
        """Let a client in, resumed or new. Raises BadToken and LogUnavailable."""
        identity = await self.identify(auth.get("token"))
        assert self.admissions is not None
        return await self.admissions.admit(identity, socket, auth)

    async def lift(self, socket: Any, sid: str, event: str, payload: Any = None, *_more: Any) -> Session:
        """Let a client in that was connected into no room, by a `user-join` with a good token.

        Raises BadToken, also for every other event, BadPayload and LogUnavailable.
        """
        if event != "user-join":
            raise BadToken("connected without a good token: send user-join with one first")
        identity = await self.identify(parse(UserJoin, payload or {}).auth.token)
        assert self.admissions is not None
        return await self.admissions.lift(identity, socket, sid)
