"""The demo and the console in a real browser, in front of two real nodes, through the nginx of deploy/."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.pages import POLICY
from tests.browser.consoles import TAIL, opened, shows
from tests.browser.conversations import ANSWER, STATUS, TUNNEL, ask, began, counter, whole
from tests.deploy.test_nginx import site
from tests.e2e.producer import Producer, open_producer
from tests.support.browser import Browser
from tests.support.nodes import Fleet, token

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 at once")


@pytest.fixture
async def producer(fleet: Fleet) -> AsyncIterator[Producer]:
    """Emits events from the test's own process: it goes on whatever happens to the nodes."""
    async with open_producer(fleet) as made:
        yield made


async def test_a_page_goes_on_at_the_node_that_is_left_and_its_message_is_whole(
    fleet: Fleet, browser: Browser, producer: Producer, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path, demo=True) as made:
        tab = await browser.open(f"{made.url}/")
        await tab.fill("textbox", "Your name", "Ann")
        await tab.press("Enter")
        await tab.until(STATUS.format("Connected"))
        chat = await _new_chat(made.url)
        await tab.go(f"{made.url}/#chat={chat}")
        async with producer.flowing([chat], "demo-ann", per_s=50):
            await began(tab)
            (await made.node_of_the_only_client()).kill()
            await tab.until(STATUS.format("nothing was lost"))
            await producer.go_on(50)
        said = "".join(f"{number} " for number in producer.numbers())
        await whole(tab, said)
        assert await counter(tab, "repeated") == "0"
        assert all("ERR_" in error or "WebSocket" in error or "50" in error for error in tab.errors), tab.errors


async def _new_chat(url: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        signed_in = (await client.post("/demo/session", json={"name": "Ann"})).json()
        headers = {"Authorization": f"Bearer {signed_in['token']}"}
        chat: str = (await client.post("/api/v1/chats/new", json={"title": "Told"}, headers=headers)).json()["id"]
        return chat


async def test_a_tunnel_before_nginx_loses_nothing_and_the_policy_is_the_nodes(
    fleet: Fleet, browser: Browser, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path, demo=True, echo_words_s=40) as made:
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{made.url}/")).headers.get_list("content-security-policy") == [POLICY]
        tab = await browser.open(f"{made.url}/")
        await tab.fill("textbox", "Your name", "Ann")
        await tab.press("Enter")
        await tab.see("textbox", "Write to the assistant")
        await ask(tab)
        await began(tab)
        await tab.check(*TUNNEL, True)
        before = await tab.value(f"{ANSWER}[0].textContent.length")
        await tab.check(*TUNNEL, False)
        await whole(tab)
        assert before < await tab.value(f"{ANSWER}[0].textContent.length")
        assert await counter(tab, "repeated") == "0"
        assert tab.errors == []


async def test_the_console_tells_of_both_nodes_and_follows_a_room(
    fleet: Fleet, browser: Browser, producer: Producer, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path, demo=True) as made:
        chat = await _new_chat(made.url)
        tab = await browser.open(f"{made.url}/console#overview&token={token('root', role='admin')}")
        await tab.until("document.querySelectorAll('tbody')[0]?.rows.length === 2")
        await opened(tab, "Rooms", "Rooms")
        await shows(tab, "user:demo-ann")
        await tab.click("link", "user:demo-ann")
        async with producer.flowing([chat], "demo-ann", per_s=20):
            await tab.until(f"({TAIL}).includes('message')")
        assert tab.errors == []
