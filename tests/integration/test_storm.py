"""All clients of a node come back at once: each gets what it missed, once, and what is live goes on meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.clients import Listener, calling
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token

CLIENTS = 30
MISSED = 150

PARTS_OFF: list[dict[str, Any]] = [
    {},
    {"admitted_at_once": 1},
    {"history_bytes": 0},
    {"redis_shared_link": False},
]


@pytest.mark.parametrize("settings", PARTS_OFF, ids=str)
async def test_a_storm_of_clients_loses_and_repeats_nothing(fleet: Fleet, settings: dict[str, Any]) -> None:
    async with fleet.inside() as one, fleet.inside(**settings) as two, calling(one.url) as api:
        chat = await api.new_chat()
        clients = [Listener() for _ in range(CLIENTS)]
        await asyncio.gather(*(client.open(one.url, token()) for client in clients))
        await _tell(api, chat, range(10))
        await eventually(lambda: all(len(client.words) == 10 for client in clients))
        watcher = Listener()
        await watcher.open(two.url, token())
        await asyncio.gather(*(client.drop() for client in clients))
        await _tell(api, chat, range(10, 10 + MISSED))
        await asyncio.gather(_come_back(clients, two), _tell(api, chat, range(10 + MISSED, 20 + MISSED)))
        everything = [f"{number}" for number in range(20 + MISSED)]
        await eventually(lambda: all(client.words[-1] == everything[-1] for client in clients))
        await eventually(lambda: watcher.words == everything[10:])
        for client in clients:
            assert client.recovered
            assert client.words == everything
            assert client.positions == sorted(set(client.positions))
        for client in [*clients, watcher]:
            await client.disconnect()


async def _come_back(clients: list[Listener], node: LocalNode) -> None:
    await asyncio.gather(*(client.open(node.url, token()) for client in clients))


async def _tell(api: Api, chat: str, numbers: range) -> None:
    for number in numbers:
        await api.emit(chat, "message", {"content": f"{number} "})
