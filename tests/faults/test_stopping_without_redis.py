"""Nodes and workers that are told to stop while the log is away: they end by themselves, soon, as they always do."""

from __future__ import annotations

import asyncio

import httpx
import orjson
import pytest

from streams.entry import Position
from tests.contract.clients import listening
from tests.support.nodes import PLAIN, WEBSOCKETS, Fleet, LocalNode, eventually, token
from tests.support.valkey import ValkeyServer

POLLING = {"EIO": "4", "transport": "polling"}
STAYING = 40
"""Sessions that a node still has when it stops: one after the other they would take minutes."""

SOON_S = 90
"""A fraction of what it takes to wait for each session; and nobody brings the log back."""


async def test_a_node_with_sessions_and_a_repair_under_way_ends_when_the_log_is_away(
    own_fleet: Fleet, own_valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with asyncio.timeout(SOON_S), own_fleet.inside() as node:
        await asyncio.gather(*(_polling(node, f"user{n}") for n in range(STAYING)))
        await eventually(lambda: len(node.node.sessions.by_sid) == STAYING)
        own_valkey.kill()
        node.node.repair.fall_behind(Position.ZERO, node.node.hub.position)
    assert "a task of the node died" not in caplog.text


async def test_processes_end_with_their_ordinary_exit_codes_when_the_log_is_away(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    node = await own_fleet.node()
    worker = own_fleet.worker()
    await eventually(lambda: "is at work" in worker.text(), 60)
    async with listening(node.url):
        own_valkey.kill()
        stopped = await asyncio.to_thread(worker.stop)
        assert stopped == 0, worker.text()
        stopped = await asyncio.to_thread(node.stop)
        assert stopped == (-15 if WEBSOCKETS == PLAIN else 0), node.text()
    assert "died" not in node.text() + worker.text()


async def _polling(node: LocalNode, user_id: str) -> None:
    """A session whose client comes by polling, and is between two polls."""
    async with httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=30) as http:
        opened = (await http.get("/ws/socket.io/", params=POLLING)).text
        params = POLLING | {"sid": orjson.loads(opened[1:])["sid"]}
        await http.post("/ws/socket.io/", params=params, content=b"40" + orjson.dumps({"token": token(user_id)}))
        assert (await http.get("/ws/socket.io/", params=params)).text.startswith("40{")
