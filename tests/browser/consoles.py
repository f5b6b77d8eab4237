"""The operator's console in a browser, and things in the running system for it to show."""

from __future__ import annotations

import asyncio

from streams.append import Appender, NewEntry
from tests.browser.conftest import Stage
from tests.support.browser import Tab
from tests.support.completions import ask
from tests.support.nodes import Api, token

POISON = b'{"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": "not an object"}}'
"""An entry that the fold refuses."""

TABLE = "document.querySelector('tbody')?.innerText ?? ''"
"""JavaScript: the text of the view's first table, without its head."""

TAIL = "document.querySelector('[aria-label^=\"Live entries\"]')?.innerText ?? ''"
"""JavaScript: the rows of a room's live tail."""

SAID = "document.querySelector('.said')?.innerText ?? ''"
"""JavaScript: what the console says was done."""


async def console(stage: Stage, place: str = "overview", /, **options: object) -> Tab:
    """The console of an admin, opened at a place."""
    link = f"{stage.url}/console#{place}&token={token('root', role='admin')}"
    tab = await stage.browser.open(link, **options)
    await tab.see("navigation", "Views")
    return tab


async def opened(tab: Tab, link: str, heading: str) -> None:
    """Open a view by its link, and wait until it stands there and has the focus."""
    await tab.click("link", link)
    await tab.see("heading", heading)
    await tab.until("document.activeElement.tagName === 'H1'")


async def shows(tab: Tab, text: str) -> None:
    """Wait until the view's first table has a text in it."""
    await tab.until(f"({TABLE}).includes({text!r})")


async def lacks(tab: Tab, text: str) -> None:
    await tab.until(f"document.querySelector('tbody') && !({TABLE}).includes({text!r})")


async def poison(appender: Appender, user_id: str = "u") -> str:
    """Append what cannot be folded; its position."""
    return str((await appender.append(NewEntry(f"user:{user_id}", "events", POISON))).position)


async def long_task(api: Api) -> str:
    """Start a completion that runs for minutes; its task."""
    words = " ".join(f"word-{number}" for number in range(10_000))
    return await ask(api, await api.new_chat(), messages=[{"role": "user", "content": words}])


async def filled(appender: Appender, count: int) -> None:
    """So many rooms, of one small entry each: `system:room-00000` and on, which are never folded."""
    for start in range(0, count, 500):
        numbers = range(start, min(start + 500, count))
        entries = [NewEntry(f"system:room-{number:05}", "tick", b"1") for number in numbers]
        await asyncio.gather(*(appender.append(entry) for entry in entries))  # in one turn: they share a trip
