"""Fixtures of the tests in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.support.browser import Browser, Tab, browser
from tests.support.nodes import Fleet, Process

__all__ = ["browser"]


@dataclass(frozen=True)
class Stage:
    """Two nodes with the demo, and a browser before them."""

    here: Process
    there: Process
    browser: Browser

    async def guest(self, name: str, url: str | None = None, **options: object) -> Tab:
        """A tab in which somebody has signed in. url: of the node; the first one's if it is left out."""
        tab = await self.browser.open(f"{url or self.here.url}/", **options)
        await tab.fill("textbox", "Your name", name)
        await tab.press("Enter")
        await tab.see("navigation", "Chats, channels and notes")
        return tab

    @asynccontextmanager
    async def api(self, name: str, url: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """HTTP as a guest of this name."""
        async with httpx.AsyncClient(base_url=url or self.here.url, trust_env=False, timeout=30) as client:
            token = (await client.post("/demo/session", json={"name": name})).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client


SLOW_WORDS_S = 40
"""Of the embedded assistant: an answer of some hundred words can be cut in the middle."""


@pytest.fixture
async def stage(fleet: Fleet, browser: Browser) -> Stage:
    """The demo, as `make run` has it: two nodes and a worker."""
    return await staged(fleet, browser)


async def staged(fleet: Fleet, browser: Browser) -> Stage:
    """The same on any servers."""
    fleet.worker()
    here, there = await asyncio.gather(*(fleet.node(demo=True, echo_words_s=SLOW_WORDS_S) for _ in range(2)))
    return Stage(here, there, browser)
