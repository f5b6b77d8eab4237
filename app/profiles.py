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
SILENT_S = 5.0  # how long nobody is asked about after no answer came
KNOWN_TOKENS = 10_000

_LET_IN = ("admin", "user")


@dataclass(slots=True)
class _Known:
    """What is known of a token. until: by the monotonic clock. asking: one at a time asks."""

    name: str = ""
    email: str = ""
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Profiles:
    """url: Open WebUI's address; None: there is none, and tokens tell all."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._client = httpx.AsyncClient(base_url=url or "", timeout=ASK_S, trust_env=False) if url else None
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def named(self, identity: Identity, token: str) -> Identity:
        """The identity with its user's name and address. Raises BadToken when Open WebUI takes the token for none of
        its own, or has not let its user in. While it does not answer, what was known of the token goes on."""
        if self._client is None or identity.name or identity.role != "user":
            return identity
        known = self._known.setdefault(identity.jti, _Known())
        self._known.move_to_end(identity.jti)
        if len(self._known) > KNOWN_TOKENS:
            self._known.popitem(last=False)
        async with known.asking:
            if known.until < time.monotonic():
                await self._look(self._client, known, token)
        return replace(identity, name=known.name, email=known.email)

    async def _look(self, client: httpx.AsyncClient, known: _Known, token: str) -> None:
        try:
            answer = await client.get("/api/v1/auths/", headers={"Authorization": f"Bearer {token}"})
            if answer.status_code in (401, 403):
                raise BadToken("Open WebUI does not accept the token")
            body: Any = answer.raise_for_status().json()
            name, email, role = (str(body[member]) for member in ("name", "email", "role"))
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as fault:
            log.warning("Open WebUI does not tell who a user is: %s", type(fault).__name__)
            known.until = time.monotonic() + SILENT_S
            return
        if role not in _LET_IN:
            raise BadToken("Open WebUI has not let this user in")
        known.name, known.email, known.until = name, email, time.monotonic() + KNOWN_S

    async def aclose(self) -> None:
        """Close the connections. May be called twice."""
        if self._client is not None:
            await self._client.aclose()
