"""A real browser for the tests of the pages: tabs of one Chromium, driven from Python."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.js import Program, running
from tests.support.nodes import ROOT

SCRIPT = ROOT / "tests" / "browser" / "browser.mjs"
SHOTS = ROOT / ".screenshots"
"""Where tests leave what a page looked like, for people."""

PHONE = {"viewport": {"width": 390, "height": 800}, "hasTouch": True, "isMobile": True}
DESK = {"viewport": {"width": 1280, "height": 800}}


@dataclass
class Tab:
    """One tab, with storage of its own. errors: what its console calls errors, and what its scripts threw.

    Things on the page are named as a screen reader names them, by a role and a label; they are waited for.
    """

    browser: Browser
    name: str
    errors: list[str] = field(default_factory=list)

    async def click(self, role: str, label: str, *, exact: bool = False) -> None:
        await self._do("click", role=role, label=label, exact=exact)

    async def check(self, role: str, label: str, value: bool) -> None:
        await self._do("check", role=role, label=label, value=value)

    async def fill(self, role: str, label: str, value: str) -> None:
        await self._do("fill", role=role, label=label, value=value)

    async def focus(self, role: str, label: str) -> None:
        await self._do("focus", role=role, label=label)

    async def press(self, key: str) -> None:
        """Press a key where the focus is."""
        await self._do("press", value=key)

    async def type(self, text: str) -> None:
        """Type where the focus is."""
        await self._do("type", value=text)

    async def see(self, role: str, label: str) -> None:
        await self._do("see", role=role, label=label)

    async def miss(self, role: str, label: str) -> None:
        """Wait until it is not there."""
        await self._do("see", role=role, label=label, state="hidden")

    async def text(self, role: str, label: str) -> str:
        return str(await self._do("text", role=role, label=label))

    async def value(self, code: str, argument: Any = None) -> Any:
        """The value of a JavaScript expression."""
        return await self._do("value", code=code, argument=argument)

    async def until(self, code: str) -> None:
        """Wait until a JavaScript expression is true."""
        await self._do("until", code=code)

    async def go(self, url: str) -> None:
        await self._do("go", url=url)

    async def reload(self) -> None:
        await self._do("reload")

    async def scheme(self, value: str) -> None:
        """ "light" or "dark", as the system has it."""
        await self._do("scheme", value=value)

    async def shot(self, name: str) -> None:
        """Leave a picture of the page."""
        SHOTS.mkdir(exist_ok=True)
        await self._do("shot", path=str(SHOTS / f"{name}.png"))

    async def faults(self) -> list[str]:
        """What axe-core finds that is serious or worse."""
        found: list[str] = await self._do("faults")
        return found

    async def close(self) -> None:
        await self._do("close")

    async def _do(self, do: str, **more: Any) -> Any:
        return await self.browser.order(do, self.name, **more)


class Browser(Program):
    """The Node process that drives Chromium, and its tabs."""

    patience_s = 65.0  # the program itself gives up after 60: a page is slow where the machine is

    def __init__(self, process: Any) -> None:
        super().__init__(process)
        self._tabs: dict[str, Tab] = {}

    def take(self, report: dict[str, Any]) -> None:
        self._tabs[report["name"]].errors.append(report["message"])

    async def open(self, url: str, **options: Any) -> Tab:
        """A new tab at an address. options: of Playwright's `newContext`."""
        tab = Tab(self, f"tab-{len(self._tabs)}")
        self._tabs[tab.name] = tab
        await self.order("open", tab.name, url=url, options=DESK | options)
        return tab


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of this test's own, if the pages are built."""
    if not (ROOT / "app" / "static" / "index.html").is_file():
        pytest.fail("the pages are not built: `make test` does it")
    async with running(Browser, SCRIPT) as made:
        yield made
