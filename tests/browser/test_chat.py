"""The demo's chat in a real browser before nginx: an answer is whole, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.browser.conftest import Stage, staged
from tests.browser.conversations import (
    ANSWER,
    STATUS,
    TEXT,
    TUNNEL,
    answer,
    ask,
    asked_at,
    began,
    counter,
    ended,
    whole,
)
from tests.support.admins import overseeing
from tests.support.browser import Browser
from tests.support.nodes import Fleet

WATCHED = """(() => {
  window.removed = 0;
  window.shift = 0;
  const answer = document.querySelectorAll('.message:not(.mine) .text')[0];
  const count = (all) => all.forEach(({ removedNodes }) => (window.removed += removedNodes.length));
  new MutationObserver(count).observe(answer, { childList: true, subtree: true });
  const add = ({ value, hadRecentInput }) => (window.shift += hadRecentInput ? 0 : value);
  new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: 'layout-shift' });
})()"""
"""JavaScript: count what is taken out of the first answer, and how much the layout jumps from now on."""


async def test_an_answer_that_a_tunnel_cuts_is_whole_afterwards(stage: Stage) -> None:
    tab = await stage.guest("Ann")
    await ask(tab)
    await began(tab)
    await tab.check(*TUNNEL, True)
    await tab.until(STATUS.format("In the tunnel"))
    before = await answer(tab)
    await ended(stage, "Ann")
    assert await answer(tab) == before
    await tab.check(*TUNNEL, False)
    await whole(tab)
    await tab.until(STATUS.format("nothing was lost"))
    assert int(await counter(tab, "replayed")) > 0
    assert await counter(tab, "repeated") == "0"
    assert tab.errors == []


async def test_in_the_tunnel_a_question_is_refused_where_it_is_asked_and_stays_written(stage: Stage) -> None:
    tab = await stage.guest("Ann")
    await tab.see("button", "Count to 300")
    await tab.check(*TUNNEL, True)
    await ask(tab, "Is anybody there?")
    await tab.until("document.querySelector('.composer .fault')?.innerText.includes('tunnel')")
    assert await tab.value("document.querySelector('.composer textarea').value") == "Is anybody there?"
    assert tab.errors == []


async def test_who_was_away_for_too_long_reads_anew_and_has_the_whole_answer(
    fleet: Fleet, browser: Browser, tmp_path: Path
) -> None:
    async with staged(fleet, browser, tmp_path, session_ttl_s=1) as stage:
        tab = await stage.guest("Ann")
        await ask(tab)
        await began(tab)
        await tab.check(*TUNNEL, True)
        await ended(stage, "Ann")
        await tab.check(*TUNNEL, False)
        await whole(tab)
        await tab.until(STATUS.format("read anew"))
        assert await counter(tab, "repeated") == "0"
        assert tab.errors == []


async def test_the_page_goes_on_at_the_other_node_when_its_own_is_killed(stage: Stage) -> None:
    tab = await stage.guest("Ann")
    doomed = await stage.node_of(tab)
    staying = stage.other(doomed)
    await tab.go(f"{stage.url}/#chat={await asked_at(staying, stage, 'Ann')}")  # who writes the answer is not killed
    await began(tab)
    doomed.kill()
    await tab.until(STATUS.format("nothing was lost"))
    await whole(tab)
    assert await stage.node_of(tab) is staying
    assert await counter(tab, "repeated") == "0"
    assert tab.errors == []


async def test_an_answer_whose_node_is_killed_is_said_to_be_interrupted(
    fleet: Fleet, browser: Browser, tmp_path: Path
) -> None:
    async with staged(fleet, browser, tmp_path, task_lease_s=2) as stage, overseeing(stage.url) as admin:
        tab = await stage.guest("Ann")
        await ask(tab)
        await began(tab)
        (task,) = (await admin.get("tasks"))["tasks"]
        (await stage.node_named(task["node"])).kill()
        await tab.until("document.querySelector('.ended')?.innerText.startsWith('Interrupted')")
        await tab.miss("button", "Stop")
        assert TEXT.startswith(await answer(tab))
        assert await counter(tab, "repeated") == "0"
        assert tab.errors == []


async def test_a_stop_in_another_tab_on_the_other_node_ends_the_answer_in_both(stage: Stage) -> None:
    one = await stage.guest("Ann")
    two = await stage.guest("Ann", beside=one)
    await ask(one)
    await began(one)
    await one.until("location.hash.includes('chat=')")
    await two.go(f"{stage.url}/{await one.value('location.hash')}")
    await began(two)
    await two.click("button", "Stop")
    for tab in (one, two):
        await tab.until("document.querySelector('.ended')?.innerText === 'Stopped'")
        await tab.miss("button", "Stop")
        assert tab.errors == []
    assert await answer(one) == await answer(two)


async def test_a_long_answer_is_only_added_to_and_nothing_jumps(fleet: Fleet, browser: Browser, tmp_path: Path) -> None:
    async with staged(fleet, browser, tmp_path, echo_words_s=2000) as stage:
        tab = await stage.guest("Ann")
        await tab.click("button", "An answer of 10,000 words")
        await began(tab)
        await tab.value(WATCHED)
        await tab.miss("button", "Stop")
        await tab.until(f"{ANSWER}[0].textContent.length > 50000")
        assert await tab.value("window.removed") == 0
        assert await tab.value("window.shift") < 0.05
        end = "document.querySelector('.scroller')"
        assert await tab.value(f"{end}.scrollHeight - {end}.scrollTop - {end}.clientHeight") < 2
        assert tab.errors == []


async def test_a_page_that_is_reloaded_in_the_middle_shows_the_whole_answer(stage: Stage) -> None:
    tab = await stage.guest("Ann")
    await ask(tab)
    await began(tab)
    await tab.until("location.hash.includes('chat=')")
    await tab.reload()
    await whole(tab)
    assert await counter(tab, "repeated") == "0"
    assert tab.errors == []


async def test_the_list_of_chats_goes_on_by_pages_also_by_keyboard(stage: Stage) -> None:
    lines = "document.querySelectorAll('#rooms h2 + ul')[0]?.children.length"
    async with stage.api("Ann") as client:

        async def new_chat(number: int) -> None:
            assert (await client.post("/api/v1/chats/new", json={"title": f"Chat {number}"})).is_success

        await asyncio.gather(*map(new_chat, range(130)))
        tab = await stage.guest("Ann")
        await tab.until(f"{lines} === 60")
        await tab.focus("button", "More chats")
        await tab.press("Enter")
        await tab.until(f"{lines} === 120")
        await tab.until("document.activeElement === document.querySelectorAll('#rooms li a')[60]")
        await tab.value("document.querySelector('.more').scrollIntoView()")
        await tab.shot("light-more-chats")
        assert await tab.faults() == []
        await new_chat(130)
        await tab.see("link", "Chat 130")
        await tab.focus("button", "More chats")
        await tab.press("Enter")
        await tab.until(f"{lines} === 131")
        await tab.miss("button", "More chats")
        await tab.until("document.activeElement === document.querySelectorAll('#rooms li a')[120]")
    assert tab.errors == []
