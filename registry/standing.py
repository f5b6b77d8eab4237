"""What every request asks about a token's bearer, in one call: is the token revoked, and which role was given."""

from __future__ import annotations

from dataclasses import dataclass

from registry.revocation import Claim, is_revoked
from streams.keys import Keys
from streams.link import Client, retrying


@dataclass(frozen=True, slots=True)
class Standing:
    """role: as `registry.roles` has it."""

    is_revoked: bool
    role: str | None


class Standings:
    """Calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def of(self, claim: Claim) -> Standing:
        keys = self._keys
        names = [keys.token_revoked(claim.jti), keys.user_revoked_at(claim.user_id), keys.role(claim.user_id)]
        token, user, role = await retrying(lambda: self._client.mget(names), 2.0)
        return Standing(is_revoked(claim, token, user), None if role is None else role.decode())
