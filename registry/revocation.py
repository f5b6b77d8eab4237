"""Revoked tokens and users: keys of Open WebUI's own names, that expire with the tokens that they concern."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from streams.keys import Keys
from streams.link import Client, retrying

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a token decides whether it is revoked. issued_at: Unix second, 0 when the token does not say."""

    user_id: str
    jti: str
    issued_at: float


class Revocations:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def revoked(self, claims: Sequence[Claim]) -> set[Claim]:
        """Those of the claims that are revoked, by token or by user."""
        found: set[Claim] = set()
        for start in range(0, len(claims), _CHUNK):
            found |= await self._revoked(claims[start : start + _CHUNK])
        return found

    async def _revoked(self, claims: Sequence[Claim]) -> set[Claim]:
        names = [self._keys.token_revoked(claim.jti) for claim in claims]
        names += [self._keys.user_revoked_at(claim.user_id) for claim in claims]
        values = await retrying(lambda: self._client.mget(names), 2.0)
        tokens, users = values[: len(claims)], values[len(claims) :]
        return {
            claim for claim, token, user in zip(claims, tokens, users, strict=True) if is_revoked(claim, token, user)
        }

    async def revoke_token(self, jti: str, ttl_s: int | None) -> None:
        """Refuse the token from now on; `ttl_s` is the rest of its life, None for one that never expires."""
        ttl_s = None if ttl_s is None else max(ttl_s, 1)
        await retrying(lambda: self._client.set(self._keys.token_revoked(jti), "1", ex=ttl_s))

    async def revoke_user(self, user_id: str) -> int:
        """Refuse every token of the user that was issued up to now, for ever: some never expire. Returns the Unix
        second that is taken for now."""
        now_s = int(time.time())
        await retrying(lambda: self._client.set(self._keys.user_revoked_at(user_id), str(now_s)))
        return now_s

    async def revoked_at(self, user_id: str) -> float | None:
        """The Unix second up to which the user's tokens are refused; None when they are not."""
        raw = await retrying(lambda: self._client.get(self._keys.user_revoked_at(user_id)))
        return None if raw is None else _second(raw)


def is_revoked(claim: Claim, token: bytes | None, user: bytes | None) -> bool:
    """By the values of the claim's two keys."""
    return bool(claim.jti and token is not None) or (user is not None and claim.issued_at <= _second(user))


def _second(raw: bytes) -> float:
    """The value of a `revoked_at` key; one that cannot be read revokes, because somebody meant to."""
    try:
        return float(raw)
    except ValueError:
        return float("inf")
