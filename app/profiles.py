"""Who a user is, asked of the Open WebUI beside which this node runs: its tokens say no more than an id.

A token that tells a name, or a role, is not asked about.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from app.auth import BadToken, Identity

log = logging.getLogger("roomlog.profiles")

ASK_S = 2.0  # what a token's bearer waits for the answer
KNOWN_S = 600.0
"""For so long an answer is gone by: a new name shows then, and an account that was closed is noticed."""
REFUSED_S = 5.0
"""So long a refusal holds without another look: who tries on costs little, and who was let in since waits no longer."""
SILENT_S = 5.0  # how long nobody is asked about after no answer came
KNOWN_TOKENS = 10_000

_LET_IN = ("admin", "user")
_NOT_NOW = (408, 429)
"""Of all 4xx, those that say nothing of the token."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What Open WebUI says of a token's bearer. refused: why they are not let in; "": they are."""

    name: str = ""
    email: str = ""
    refused: str = ""


@dataclass(slots=True)
class _Known:
    """What was told last of a token. until: by the monotonic clock; then it is asked again. asking: one at a time."""

    told: _Told = _Told()
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Profiles:
    """url: Open WebUI's address; None: there is none, and tokens tell all."""

    def __init__(self, url: str | None) -> None:
        self._client = httpx.AsyncClient(base_url=url or "", timeout=ASK_S, trust_env=False) if url else None
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._silent_until = 0.0

    async def named(self, identity: Identity, token: str) -> Identity:
        """The identity with its user's name and address. Raises BadToken when Open WebUI takes the token for none of
        its own, or has not let its user in. While it does not answer, what it said last of the token goes on."""
        if self._client is None or identity.name or identity.role != "user":
            return identity
        known = self._of(identity)
        async with known.asking:
            if max(known.until, self._silent_until) < time.monotonic():
                await self._look(self._client, known, identity.user_id, token)
            told = known.told
        if told.refused:
            raise BadToken(told.refused)
        return replace(identity, name=told.name, email=told.email)

    def _of(self, identity: Identity) -> _Known:
        key = (identity.user_id, identity.jti)
        known = self._known.setdefault(key, _Known())
        self._known.move_to_end(key)
        if len(self._known) > KNOWN_TOKENS:
            self._known.popitem(last=False)
        return known

    async def _look(self, client: httpx.AsyncClient, known: _Known, user_id: str, token: str) -> None:
        try:
            answer = await client.get("/api/v1/auths/", headers={"Authorization": f"Bearer {token}"})
            known.told = _told(answer, user_id)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as fault:
            log.warning("Open WebUI does not tell who a user is: %s", type(fault).__name__)
            self._silent_until = time.monotonic() + SILENT_S
            return
        known.until = time.monotonic() + (REFUSED_S if known.told.refused else KNOWN_S)

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        if self._client is not None:
            await self._client.aclose()


def _told(answer: httpx.Response, user_id: str) -> _Told:
    """Raises httpx.HTTPStatusError, ValueError, KeyError and TypeError for an answer that tells nothing."""
    if answer.is_client_error and answer.status_code not in _NOT_NOW:
        return _Told(refused="Open WebUI does not accept the token")
    body: Any = answer.raise_for_status().json()
    if body["id"] != user_id:
        return _Told(refused="Open WebUI knows the token as another user's")
    if body["role"] not in _LET_IN:
        return _Told(refused="Open WebUI has not let this user in")
    return _Told(str(body["name"] or ""), str(body["email"] or ""))
