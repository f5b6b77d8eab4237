"""Tokens: what they prove, and what is no token."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from app.auth import BadToken, Tokens
from registry.revocation import Claim

SECRET = "a secret of the tests that is long enough"
NOW = int(time.time())


def _signed(**claims: Any) -> str:
    return jwt.encode({"id": "alice"} | claims, SECRET, algorithm="HS256")


def test_a_token_proves_its_claims() -> None:
    claims = {"name": "Alice", "email": "a@b.c", "role": "admin", "jti": "j", "iat": NOW, "exp": NOW + 86_400}
    identity = Tokens(SECRET).read(_signed(**claims))
    assert (identity.user_id, identity.name, identity.email, identity.role) == ("alice", "Alice", "a@b.c", "admin")
    assert identity.expires_at == NOW + 86_400
    assert identity.claim == Claim("alice", "j", NOW)


def test_only_the_id_is_required() -> None:
    identity = Tokens(SECRET).read(_signed())
    assert identity.role == "user"
    assert identity.expires_at is None
    assert not identity.may_serve


@pytest.mark.parametrize(("role", "serves"), [("admin", True), ("service", True), ("user", False)])
def test_services_and_admins_may_act_for_others(role: str, serves: bool) -> None:
    assert Tokens(SECRET).read(_signed(role=role)).may_serve is serves


@pytest.mark.parametrize(
    "claims",
    [
        {"id": None},
        {"id": 7},
        {"id": ""},
        {"id": "a\n"},
        {"id": "x" * 300},
        {"id": ["a"]},
        {"role": "root"},
        {"role": 7},
        {"role": ["admin"]},
        {"role": {}},
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": {}},
        {"exp": "soon"},
        {"iat": []},
        {"iat": "then"},
        {"iat": None},
        {"nbf": NOW + 86_400},
        {"nbf": {}},
    ],
    ids=lambda claims: repr(claims).replace(str(NOW - 1), "past").replace(str(NOW + 86_400), "future"),
)
def test_claims_of_another_shape_are_refused_with_a_reason(claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken, match=r"\w+"):
        Tokens(SECRET).read(_signed(**claims))


@pytest.mark.parametrize("given", [None, "", 7, b"x", [], {}, "a.b.c", "x" * 100_000, "ä"])
def test_what_is_no_token_is_refused_with_a_reason(given: object) -> None:
    with pytest.raises(BadToken, match=r"\w+"):
        Tokens(SECRET).read(given)


def test_no_other_spelling_of_its_signature_gives_a_token_without_a_jti_another() -> None:
    given = _signed()
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = digits.index(given[-1]) & ~3  # of the last digit's six bits, two are no part of the signature
    spelled = [given[:-1] + digits[last + spare] for spare in range(4)] + [given + "="]
    assert {_jti(each) for each in spelled} <= {_jti(given), None}
    assert _jti(_signed(iat=NOW)) != _jti(given)


def _jti(given: str) -> str | None:
    """None: refused, as newer versions of PyJWT do with some spellings."""
    try:
        return Tokens(SECRET).read(given).jti
    except BadToken:
        return None


def test_name_and_email_are_optional_text() -> None:
    identity = Tokens(SECRET).read(_signed(name=None, email=7))
    assert isinstance(identity.name, str)
    assert isinstance(identity.email, str)
