"""The demo for everybody: no serious fault for axe in light, in dark and on a phone; it works by keyboard alone."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from app.pages import POLICY
from tests.browser.conftest import Stage, staged
from tests.browser.conversations import ANSWER, STATUS, TUNNEL, ask, began, whole
from tests.support.browser import PHONE, Browser, Tab
from tests.support.nodes import Fleet

APART = """(() => {
  const [beside, tag] = ['.switch', '.status .tag'].map((name) => document.querySelector(name));
  const text = document.createRange();
  text.selectNodeContents(beside);
  return text.getBoundingClientRect().right <= tag.getBoundingClientRect().left;
})()"""
"""JavaScript: whether what is said of the connection leaves the switch's label readable."""

AT_END = "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2)"
AT_END += "(document.querySelector('.scroller'))"
"""JavaScript: whether the end of the messages is seen."""

SHORT = "In light, in dark, and on a phone.\n\nThis is what is said back."


async def _open(tab: Tab, role: str, label: str) -> None:
    if await tab.value("matchMedia('(max-width: 44rem)').matches"):
        await tab.click("button", "Chats, channels, notes")
        await tab.shot("phone-lists")
    await tab.click(role, label)


@pytest.mark.parametrize(("look", "options"), [("light", {}), ("dark", {"colorScheme": "dark"}), ("phone", PHONE)])
async def test_every_view_is_without_serious_faults(stage: Stage, look: str, options: dict[str, object]) -> None:
    tab = await stage.browser.open(f"{stage.url}/", **options)
    await tab.see("button", "Sign in")
    await _looked_at(tab, f"{look}-sign-in")
    await tab.fill("textbox", "Your name", "Ann")
    await tab.press("Enter")
    await tab.see("button", "Count to 300")
    await _looked_at(tab, f"{look}-begin")
    await ask(tab, SHORT)
    await whole(tab, SHORT)
    await _looked_at(tab, f"{look}-chat")
    await ask(tab)
    await tab.until(f"{ANSWER}[1]?.textContent.length > 40")
    await _looked_at(tab, f"{look}-streaming")
    await tab.click("button", "Stop")
    await tab.until("document.querySelector('.ended')?.innerText === 'Stopped'")
    await tab.check(*TUNNEL, True)
    await ask(tab, "Is anybody there?")
    await tab.until("document.querySelector('.composer .fault')?.innerText.includes('tunnel')")
    await tab.until(AT_END)
    await _looked_at(tab, f"{look}-tunnel")
    await tab.check(*TUNNEL, False)
    await tab.until(STATUS.format("nothing was lost"))
    assert await tab.value(APART)
    await tab.click("button", "Dismiss")
    await _open(tab, "link", "Lobby")
    await tab.fill("textbox", "Write to Lobby", "Hello everybody")
    await tab.press("Enter")
    await tab.until("document.querySelectorAll('.post').length === 1")
    await _looked_at(tab, f"{look}-channel")
    await _open(tab, "link", "A note for everybody")
    await tab.until("document.querySelector('.toolbar .tag')?.textContent === 'Saved'")
    await tab.focus("textbox", "Text of the note")
    await tab.type("A first line")
    await tab.until("document.querySelector('.toolbar .tag')?.textContent === 'Saved'")
    await _looked_at(tab, f"{look}-note")
    assert await tab.value("document.documentElement.scrollWidth <= innerWidth")
    assert tab.errors == []


async def _looked_at(tab: Tab, name: str) -> None:
    await tab.shot(name)
    assert await tab.faults() == []


async def test_it_works_by_keyboard_alone(stage: Stage) -> None:
    tab = await stage.browser.open(f"{stage.url}/")
    await tab.see("button", "Sign in")
    await tab.press("Tab")
    assert await tab.value("document.activeElement.textContent.trim()") == "Skip to the content"
    await tab.press("Enter")
    assert await tab.value("document.activeElement.id") == "main"
    await tab.press("Tab")
    await tab.type("Ann")
    await tab.press("Enter")
    await tab.until("document.activeElement.ariaLabel === 'Write to the assistant'")
    await tab.type("one two three four")
    await tab.press("Shift+Enter")
    await tab.type("five")
    await tab.press("Enter")
    await whole(tab, "one two three four\nfive")
    await tab.until("document.activeElement.ariaLabel === 'Write to the assistant'")
    assert tab.errors == []


async def test_the_theme_that_was_chosen_stays_and_the_systems_counts_until_then(stage: Stage) -> None:
    tab = await stage.browser.open(f"{stage.url}/", colorScheme="dark")
    await tab.see("button", "Sign in")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = await tab.value(ground)
    await tab.scheme("light")
    light = await tab.value(ground)
    assert dark != light
    await tab.focus("combobox", "Theme")
    await tab.press("End")
    await tab.until(f"{ground} === '{dark}'")
    await tab.value("location.reload()")
    await tab.until(f"document.readyState === 'complete' && {ground} === '{dark}'")
    assert tab.errors == []


async def test_the_same_chat_is_opened_at_a_node_of_its_own_address_without_signing_in_again(
    fleet: Fleet, browser: Browser, tmp_path: Path
) -> None:
    """What the page links to are the nodes themselves: there is no balancer before this one."""
    other = await fleet.node(demo=True)
    async with staged(fleet, browser, tmp_path, demo_nodes=f"http://127.0.0.1:9,{other.url}") as stage:
        tab = await stage.guest("Ann")
        await ask(tab)
        await began(tab)
        await tab.until("location.hash.includes('chat=')")
        link = await tab.value(f"[...document.links].find((link) => link.href.startsWith('{other.url}')).href")
        beside = await browser.open(link)
        await whole(tab)
        await whole(beside)
        assert "token" not in await beside.value("location.href")
        assert tab.errors == beside.errors == []


async def test_who_signs_in_too_often_is_told_so_where_the_name_is_typed(
    fleet: Fleet, browser: Browser, tmp_path: Path
) -> None:
    async with staged(fleet, browser, tmp_path, demo_sign_ins_per_min=1) as stage:
        for node in stage.nodes:  # each counts for itself, and it is nginx that chooses
            async with stage.api("Ben", node.url):
                pass
        tab = await browser.open(f"{stage.url}/")
        await tab.fill("textbox", "Your name", "Ann")
        await tab.press("Enter")
        await tab.until("document.querySelector('.signin .fault')?.innerText.includes('try again in')")
        assert await tab.value("document.querySelector('.signin input').value") == "Ann"
        assert await tab.faults() == []
        assert all("429" in error for error in tab.errors), tab.errors


async def test_a_page_loads_nothing_from_elsewhere_and_its_policy_forbids_it(stage: Stage) -> None:
    tab = await stage.guest("Ann")
    loaded = await tab.value("performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)")
    assert set(loaded) == {stage.url}
    async with httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(f"{stage.url}/")
    assert page.headers.get_list("content-security-policy") == [POLICY]  # nginx adds none of its own
    assert "<style" not in page.text
    assert " style=" not in page.text
    await tab.value("document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))")
    assert await tab.value("window.ran") is None
    assert any("Content Security Policy" in error for error in tab.errors)
