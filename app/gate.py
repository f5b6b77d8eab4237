"""The gate: who may connect."""

from __future__ import annotations

from typing import Any

from app.admission import Admission, Admissions
from app.auth import BadToken, Identity, Tokens
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
