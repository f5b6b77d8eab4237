"""Who a token speaks for: JWT, HS256, with the claims of Open WebUI."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import jwt

from registry.revocation import Claim

ROLES = ("admin", "user", "service")


class BadToken(Exception):
    """The token is missing, malformed, expired, signed by another key, or revoked. The text may be shown to clients."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as its token tells. expires_at, issued_at: Unix seconds; expires_at is None for a token without end.

    jti: the token's own id, or a digest of what is signed, so that one without can be revoked too.
    """

    user_id: str
    name: str
    email: str
    role: str
    jti: str
    issued_at: float
    expires_at: float | None

    @property
    def claim(self) -> Claim:
        return Claim(self.user_id, self.jti, self.issued_at)

    def has_expired(self, now: float) -> bool:
        """now: Unix seconds."""
        return self.expires_at is not None and self.expires_at <= now

    @property
    def may_serve(self) -> bool:
        """True for those who may act for other users: services and admins."""
        return self.role in ("admin", "service")


class Tokens:
    """Reads, and makes, tokens that are signed with one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def sign(self, claims: dict[str, Any]) -> str:
        """A token that says this."""
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def read(self, token: object) -> Identity:
        """The identity that a token proves. Raises BadToken with a reason."""
        if not isinstance(token, str) or not token:
            raise BadToken("a token is required")
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"], options={"verify_aud": False})
        except jwt.ExpiredSignatureError as fault:
            raise BadToken("the token has expired") from fault
        except jwt.InvalidTokenError as fault:
            raise BadToken("the token is not valid") from fault
        return _identity(claims, token)


def _identity(claims: dict[str, Any], token: str) -> Identity:
    user_id = claims.get("id")
    if not isinstance(user_id, str) or not user_id or len(user_id) > 256 or not user_id.isprintable():
        raise BadToken("the token names no user")
    role = claims.get("role", "user")
    if role not in ROLES:
        raise BadToken("the token's role is unknown")
    return Identity(
        user_id,
        str(claims.get("name", "")),
        str(claims.get("email", "")),
        role,
        str(claims.get("jti") or _digest(token)),
        float(claims.get("iat", 0)),
        float(claims["exp"]) if "exp" in claims else None,
    )


def _digest(token: str) -> str:
    """Of its signed part alone: one signature may be spelled in several ways."""
    return blake2b(token.rpartition(".")[0].encode(), digest_size=16).hexdigest()
