"""The console for everybody: no serious fault for axe in any view, in light, in dark and on a phone; nothing jumps."""

from __future__ import annotations

import pytest

from streams.append import Appender
from tests.browser.conftest import Stage
from tests.browser.consoles import console, filled, long_task, opened, poison, shows
from tests.contract.clients import calling, listening
from tests.support.browser import PHONE, Tab

WATCHED = """(() => {
  window.shift = 0;
  const add = ({ value, hadRecentInput }) => (window.shift += hadRecentInput ? 0 : value);
  new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: 'layout-shift' });
})()"""
"""JavaScript: count how much the layout jumps from now on."""

POSITION = "document.querySelector('.totals .figure:last-child dd')?.innerText"


async def _looked_at(tab: Tab, name: str) -> None:
    await tab.shot(f"console-{name}")
    assert await tab.faults() == []
    assert await tab.value("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("look", "options"), [("light", {}), ("dark", {"colorScheme": "dark"}), ("phone", PHONE)])
async def test_every_view_is_without_serious_faults(
    stage: Stage, appender: Appender, look: str, options: dict[str, object]
) -> None:
    await filled(appender, 250)
    await poison(appender)
    async with calling(stage.url) as alice, listening(stage.url), listening(stage.url):
        task = await long_task(alice)
        tab = await console(stage, **options)
        await tab.until("document.querySelector('.advice')?.innerText.includes('deadletters')")
        await tab.until("document.querySelectorAll('.plot').length > 0")
        await _looked_at(tab, f"{look}-overview")
        await tab.value("scrollTo(0, 100000)")
        await tab.shot(f"console-{look}-overview-end")
        await opened(tab, "Tasks", "Tasks")
        await shows(tab, task)
        await _looked_at(tab, f"{look}-tasks")
        await opened(tab, "Rooms", "Rooms")
        await shows(tab, "system:room-00050")
        await _looked_at(tab, f"{look}-rooms")
        await tab.fill("searchbox", "Search rooms", "user:al")
        await opened(tab, "user:alice", "user:alice")
        await tab.click("button", "From the oldest")
        await tab.until("document.querySelectorAll('[aria-label^=Replayed] li').length > 0")
        await alice.emit(await alice.new_chat(), "message", {"content": "Said now"})
        await tab.until("document.body?.innerText.includes('Said now')")
        await _looked_at(tab, f"{look}-room")
        await opened(tab, "Dead letters", "Dead letters")
        await tab.click("button", "Inspect events of user:u")
        await tab.until("document.querySelector('.payload')")
        await _looked_at(tab, f"{look}-deadletters")
        await tab.click("button", "Drop events of user:u")
        await tab.see("dialog", "Drop events of user:u?")
        await _looked_at(tab, f"{look}-confirm")
        await tab.click("button", "Cancel")
        await opened(tab, "Sessions", "Sessions")
        await tab.fill("searchbox", "User id", "alice")
        await tab.press("Enter")
        await shows(tab, "Connected")
        await _looked_at(tab, f"{look}-sessions")
        await opened(tab, "Audit", "Audit")
        await shows(tab, "Nothing was done yet")
        await _looked_at(tab, f"{look}-audit")
    assert tab.errors == []


async def test_nothing_jumps_while_numbers_change(stage: Stage) -> None:
    async with calling(stage.url) as alice:
        await long_task(alice)
        tab = await console(stage)
        await tab.until("document.querySelectorAll('.plot').length > 0")
        await tab.value(WATCHED)
        for _ in range(3):
            position = await tab.value(POSITION)
            await tab.until(f"{POSITION} !== {position!r}")
        assert await tab.value("window.shift") < 0.01
    assert tab.errors == []


async def test_it_works_by_keyboard_alone(stage: Stage, appender: Appender) -> None:
    await poison(appender)
    tab = await console(stage, "deadletters")
    await shows(tab, "user:u")
    address = await tab.value("location.href")
    await tab.press("Tab")
    await tab.press("Enter")
    assert await tab.value("document.activeElement.id") == "main"
    assert await tab.value("location.href") == address
    await tab.focus("button", "Drop events of user:u")
    await tab.press("Enter")
    await tab.see("dialog", "Drop events of user:u?")
    await tab.press("Escape")
    await tab.miss("dialog", "Drop events of user:u?")
    await tab.until("document.activeElement.ariaLabel === 'Drop events of user:u'")
    await tab.press("Enter")
    await tab.see("dialog", "Drop events of user:u?")
    await tab.press("Tab")
    await tab.press("Enter")
    await shows(tab, "There are none")
    await tab.until("document.activeElement.tagName === 'H1'")
    assert tab.errors == []
