"""Two nodes and two workers are restarted one after another, by SIGTERM, under load: nobody misses or sees twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

from archive import Archive
from cli.resuming import ResumingClient
from streams.entry import Position
from tests.e2e.balancer import Rotation, rotation_of
from tests.e2e.producer import HEARD_S, Producer, hears, open_producer
from tests.support.js import SWIFT, WEBSOCKET, Js, JsClient, js
from tests.support.nodes import DEADLINE_S, Fleet, Process, eventually, token

__all__ = ["js"]

USERS = {"alice": ("a1", "a2"), "bob": ("b1",), "carol": ("c1",)}
"""Whose room has which chats."""

DRAIN_S = 1.5


class Resuming(ResumingClient):
    """A Python client that comes back by itself. heard: numbers as they arrived. recoveries: of each connect."""

    def __init__(self, user: str) -> None:
        super().__init__(reconnection_delay=0.05, reconnection_delay_max=0.2)
        self.user = user
        self.heard: list[int] = []
        self.positions: list[Position] = []
        self.resets = 0
        self.recoveries: list[bool] = []
        self.on("events", self._hear)
        self.on("room:reset", self._reset)
        self.on("connect", lambda: self.recoveries.append(self.recovered))

    def _hear(self, body: dict[str, dict[str, dict[str, str]]], position: str) -> None:
        self.heard += map(int, body["data"]["data"]["content"].split())
        self.positions.append(Position.parse(position))

    def _reset(self, _body: object) -> None:
        self.resets += 1


async def _restart(process: Process) -> None:
    """SIGTERM, and the same again when it has ended by itself."""
    running = process.process
    assert running is not None
    running.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(running.wait, DEADLINE_S)
    assert code == (-signal.SIGTERM if "uvicorn" in process.arguments else 0), process.text()
    process.start()
    if process.port:
        await process.ready()


@asynccontextmanager
async def _talking(producer: Producer) -> AsyncIterator[None]:
    """Events in the rooms of all users."""
    async with AsyncExitStack() as stack:
        for user, chats in USERS.items():
            await stack.enter_async_context(producer.flowing(chats, user, per_s=40))
        yield


async def _clients(rotation: Rotation, js: Js) -> tuple[list[tuple[str, JsClient]], list[Resuming]]:
    """Of each user two stock JavaScript clients and a Python one, connected."""
    stock, python = [], [Resuming(user) for user in USERS]
    for user in [*USERS, *USERS]:
        client = await js.begin(rotation.url, {"auth": {"token": token(user)}, "transports": WEBSOCKET} | SWIFT)
        await client.connected()
        stock.append((user, client))
    for client in python:
        await client.open(rotation.url, token(client.user), transports=["websocket"])
    return stock, python


async def test_each_node_and_each_worker_restarted_under_load_loses_and_repeats_nothing(
    fleet: Fleet, js: Js, archive: Archive
) -> None:
    nodes = [await fleet.node(drain_seconds=DRAIN_S) for _ in range(2)]
    workers = [fleet.worker(fold_window_ms=50, claim_after_s=1) for _ in range(2)]
    async with open_producer(fleet) as producer, rotation_of([node.port for node in nodes]) as rotation:
        stock, python = await _clients(rotation, js)
        async with _talking(producer):
            for process in (nodes[0], workers[0], nodes[1], workers[1]):
                await producer.go_on(50)
                await _restart(process)
            await producer.go_on(50)
        for user, client in stock:
            await hears(client, producer.numbers(*USERS[user]))
            returns = [connect.recovered for connect in client.connects[1:]]
            assert returns
            assert all(returns)
            assert client.resets() == []
        for one in python:
            expected = producer.numbers(*USERS[one.user])
            await eventually(lambda one=one, expected=expected: len(one.heard) >= len(expected), HEARD_S)
            assert one.heard == expected
            assert all(before < after for before, after in pairwise(one.positions))
            assert one.recoveries[1:]
            assert all(one.recoveries[1:])
            assert one.resets == 0
            await one.disconnect()
        for chats in USERS.values():
            for chat in chats:
                await _stored(archive, chat, "".join(f"{number} " for number in producer.numbers(chat)))


async def _stored(archive: Archive, chat: str, content: str) -> None:
    """Wait until SQL has just what the log has."""

    async def whole() -> bool:
        found = await archive.chat(chat)
        return bool(found and len(found.messages["m1"].content) >= len(content))

    await eventually(whole, DEADLINE_S)
    found = await archive.chat(chat)
    assert found is not None
    assert found.messages["m1"].content == content
