"""HTTP calls that survive the death of a node: the same request goes to the next one."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from typing import Any

import aiohttp

from cli.errors import CommandError

PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
GIVE_UP_S = 120.0  # without any answer; a node is back in a few seconds, on a busy machine in many
TIMEOUT_S = 30.0


class Calls:
    """Requests to whichever node answers. retries: how often one had to be repeated."""

    def __init__(self, urls: Sequence[str], client: aiohttp.ClientSession) -> None:
        self._urls = urls
        self._client = client
        self.retries = 0

    async def post(self, path: str, token: str, body: Any, key: str, turn: int = 0) -> Any:
        """The answer's JSON. `key` makes a repetition harmless; turn: which node comes first. Raises CommandError."""
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        return await self._call("POST", path, turn, headers=headers, json=body)

    async def get(self, path: str, token: str, turn: int = 0) -> Any:
        """The answer's JSON. Raises CommandError."""
        return await self._call("GET", path, turn, headers={"Authorization": f"Bearer {token}"})

    async def _call(self, method: str, path: str, turn: int, **request: Any) -> Any:
        deadline = time.monotonic() + GIVE_UP_S
        pause_s = PAUSE_S
        fault = ""
        for attempt in itertools.count():
            url = self._urls[(turn + attempt) % len(self._urls)]
            try:
                async with self._client.request(method, url + path, **request) as answer:
                    body = await answer.read()
                if answer.ok:
                    return json.loads(body)
                fault = f"{answer.status} {body[:300]!r}"
                if not _retryable(body):
                    break
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                fault = f"{type(error).__name__} {error}"
            if time.monotonic() > deadline:
                break
            self.retries += 1
            if attempt:  # both nodes were tried
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
        raise CommandError(f"{method} {path} failed: {fault}")


def _retryable(body: bytes) -> bool:
    """Whether the node says that the same request may succeed later."""
    try:
        return bool(json.loads(body)["retryable"])
    except (ValueError, KeyError, TypeError):
        return False


def open_client() -> aiohttp.ClientSession:
    """A client that goes straight to this machine's nodes, whatever proxy the environment names.

    aiohttp is there because python-socketio's client needs it. With httpx this process, and not the nodes, set the
    pace: the demo took 76 s beside two busy loops on two cores, instead of 48 s.
    """
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
