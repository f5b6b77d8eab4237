"""Fixtures of the tests in a browser."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.site import Site, site
from tests.support.browser import Browser, Tab, browser
from tests.support.nodes import Fleet, Process, eventually

__all__ = ["browser"]

NODE = "document.querySelector('.node')?.innerText ?? ''"
"""JavaScript: the name of the node that has the page's socket, as the page says it."""


@dataclass(frozen=True)
class Stage:
    """Two nodes with the demo and a worker, the nginx of deploy/ before them, and a browser before that.

    Which node serves what is nginx's choice. A test that needs to know asks `node_of`.
    """

    site: Site
    browser: Browser

    @property
    def url(self) -> str:
        return self.site.url

    @property
    def nodes(self) -> list[Process]:
        return list(self.site.nodes.values())

    async def guest(self, name: str, *, beside: Tab | None = None, **options: object) -> Tab:
        """A tab in which somebody has signed in and is connected. beside: to another node than this tab is."""
        tab = await self.browser.open(f"{self.url}/", **options)
        await tab.fill("textbox", "Your name", name)
        await tab.press("Enter")
        await tab.until(NODE)
        if beside is not None:
            await eventually(lambda: self._comes_beside(tab, beside), 60)
        return tab

    async def _comes_beside(self, tab: Tab, other: Tab) -> bool:
        """Whether the two are connected to two nodes. If not the tab comes in anew: nginx gives a WebSocket to the node
        that has the fewest."""
        if await tab.value(NODE) != await other.value(NODE):
            return True
        await tab.reload()
        await tab.until(NODE)
        return False

    async def node_of(self, tab: Tab) -> Process:
        """The node that has a tab's socket."""
        return await self.node_named(str(await tab.value(NODE)))

    async def node_named(self, name: str) -> Process:
        """A living node by its name."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            names = {
                (await client.get(f"{node.url}/demo/config")).json()["node"]: node for node in self.site.living.values()
            }
        return names[name]

    def other(self, node: Process) -> Process:
        """The node that is not this one."""
        (other,) = (one for one in self.nodes if one is not node)
        return other

    @asynccontextmanager
    async def api(self, name: str, url: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """HTTP as a guest of this name. url: of a node, where it has to be that one."""
        async with httpx.AsyncClient(base_url=url or self.url, trust_env=False, timeout=30) as client:
            token = (await client.post("/demo/session", json={"name": name})).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client


SLOW_WORDS_S = 40
"""Of the embedded assistant: an answer of some hundred words can be cut in the middle."""


@pytest.fixture
async def stage(fleet: Fleet, browser: Browser, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(fleet, browser, tmp_path) as made:
        yield made


@asynccontextmanager
async def staged(fleet: Fleet, browser: Browser, folder: Path, **settings: Any) -> AsyncIterator[Stage]:
    """A stage on any servers. folder: nginx's own. settings: of the nodes."""
    if sys.platform != "linux":
        pytest.skip("only Linux has all of 127.0.0.0/8 at once, where the nodes have their addresses")
    fleet.worker()
    given: dict[str, Any] = {"demo": True, "echo_words_s": SLOW_WORDS_S} | settings
    async with site(fleet, folder, **given) as made:
        yield Stage(made, browser)
