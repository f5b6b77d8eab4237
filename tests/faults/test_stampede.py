"""Everything is restarted, and 2,000 clients come back at once: they are let in so many at a time, and all resume."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import resource
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from cli.resuming import ResumingClient
from streams.append import Appender, NewEntry
from streams.entry import Position
from streams.keys import Keys
from streams.link import Link
from tests.support.crowd import LINE_BYTES
from tests.support.js import Program
from tests.support.nodes import ROOT, Fleet, Process, eventually, token
from tests.support.valkey import ValkeyServer, running_appender

log = logging.getLogger("roomlog.tests")

USERS = 100
EACH = 20
CLIENTS = USERS * EACH
AT_ONCE = 50
PATIENCE_S = 60.0
LIVE = "user:live"


@dataclass
class Rounds:
    """Numbered events: every round one to the room of every user. positions: of a user's events, by number."""

    appender: Appender
    positions: dict[str, list[Position]] = field(default_factory=lambda: {f"u{n}": [] for n in range(USERS)})

    async def say(self, count: int) -> None:
        for _ in range(count):
            appended = await asyncio.gather(*(self.appender.append(self._entry(user)) for user in self.positions))
            for at, said in zip(appended, self.positions.values(), strict=True):
                said.append(at.position)

    def _entry(self, user: str) -> NewEntry:
        return _message(f"user:{user}", f"{self.said} ")

    @property
    def said(self) -> int:
        return len(self.positions["u0"])


def _message(room: str, content: str) -> NewEntry:
    body = {"chat_id": room, "message_id": "m1", "data": {"type": "message", "data": {"content": content}}}
    return NewEntry(room, "events", json.dumps(body).encode())


@dataclass
class Gauges:
    """The most that any look at the nodes' metrics saw. together: clients that waited at all nodes."""

    together: float = 0
    at_once: float = 0
    recovered: float = 0


class Live(ResumingClient):
    """A client that is live all the while. delays_s: from an event's append to its arrival."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.delays_s: list[float] = []
        self.on("events", self._hear)

    def _hear(self, body: dict[str, Any], _position: str) -> None:
        for word in body["data"]["data"]["content"].split():
            number, _, sent_at = word.partition("@")
            self.numbers.append(int(number))
            self.delays_s.append(time.time() - float(sent_at))


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    """A node needs one for every client."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16_384)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@asynccontextmanager
async def crowd_before(nodes: list[Process]) -> AsyncIterator[Program]:
    """The crowd's process, its clients connected."""
    pipe = asyncio.subprocess.PIPE
    arguments = ("-m", "tests.support.crowd")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=pipe, stdout=pipe, limit=LINE_BYTES, cwd=ROOT
    )
    crowd = Program(process)
    listening = asyncio.create_task(crowd.listen())
    try:
        tokens = {f"u{n}": token(f"u{n}") for n in range(USERS)}
        await crowd.order("open", "", urls=[node.url for node in nodes], tokens=tokens, each=EACH)
        await reported(crowd, connected=CLIENTS)
        yield crowd
    finally:
        await crowd.aclose()
        await listening


async def reported(crowd: Program, **expected: int) -> dict[str, Any]:
    """Wait until the crowd reports this much; returns the whole report."""

    last: dict[str, Any] = {}

    async def so() -> dict[str, Any] | None:
        report: dict[str, Any] = await crowd.order("report", "")
        assert report["faults"] == []
        if report | expected == report:
            return report
        last.update(report)
        await asyncio.sleep(0.1)  # a look costs the crowd a pass over all clients
        return None

    try:
        found: dict[str, Any] = await eventually(so, PATIENCE_S)
    except AssertionError as fault:
        raise AssertionError(f"{expected} was due, and there is {last}") from fault
    return found


@asynccontextmanager
async def watched(nodes: list[Process]) -> AsyncIterator[Gauges]:
    """Look at the nodes' metrics again and again."""
    gauges = Gauges()

    async def look() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            while True:
                answers = [(await client.get(f"{node.url}/metrics")).text for node in nodes]
                gauges.together = max(gauges.together, sum(_value(text, "roomlog_waiting_clients") for text in answers))
                most = max(_value(text, "roomlog_admitting_clients_most") for text in answers)
                gauges.at_once = max(gauges.at_once, most)
                gauges.recovered = sum(_value(text, 'roomlog_resumes_total{outcome="recovered"}') for text in answers)
                await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    try:
        yield gauges
    finally:
        looking.cancel()
        await asyncio.wait({looking})


def _value(text: str, name: str) -> float:
    return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " "))


@asynccontextmanager
async def living(node: Process, appender: Appender) -> AsyncIterator[Live]:
    """Another client of a node, which gets 50 events a second meanwhile, and all of them once."""
    live, stop, said = Live(), asyncio.Event(), 0
    await live.open(node.url, token("live"), transports=["websocket"])

    async def speak() -> None:
        nonlocal said
        for number in itertools.count():
            await appender.append(_message(LIVE, f"{number}@{time.time()} "))
            said = number + 1
            if stop.is_set():
                return
            await asyncio.sleep(0.02)  # the pace

    speaking = asyncio.create_task(speak())
    try:
        yield live
    finally:
        stop.set()
        await speaking
    await eventually(lambda: len(live.numbers) >= said)
    assert live.numbers == list(range(said))
    await live.disconnect()


async def _restart(nodes: list[Process], crowd: Program, rounds: Rounds, server: ValkeyServer | None) -> None:
    """Kill the nodes, let more be said, restart the log's server too if it is given, and start the nodes."""
    await crowd.order("gate", "", is_open=False)
    for node in nodes:
        node.kill()
    await reported(crowd, connected=0)
    await rounds.say(20)
    if server is not None:
        server.kill()
        server.start()
    for node in nodes:
        node.start()
    for node in nodes:
        await node.ready()


@pytest.mark.parametrize("log_too", [False, True], ids=["nodes", "nodes-and-log"])
async def test_clients_that_come_back_all_at_once_are_let_in_so_many_at_a_time_and_resume(
    own_fleet: Fleet, own_valkey: ValkeyServer, log_too: bool
) -> None:
    nodes = [await own_fleet.node(admitted_at_once=AT_ONCE) for _ in range(2)]
    link = Link(own_valkey.url, Keys(own_fleet.key_prefix))
    async with running_appender(link) as appender, crowd_before(nodes) as crowd:
        rounds = Rounds(appender)
        await rounds.say(5)
        await reported(crowd, least=5)
        await _restart(nodes, crowd, rounds, own_valkey if log_too else None)
        async with living(nodes[0], appender) as live, watched(nodes) as gauges:
            heard, began = len(live.numbers), time.monotonic()
            await crowd.order("gate", "", is_open=True)
            await eventually(lambda: gauges.together > 0, PATIENCE_S)
            await rounds.say(5)
            await reported(crowd, connected=CLIENTS)
            took_s = time.monotonic() - began
            during = live.delays_s[heard:]
            await rounds.say(5)
            report = await reported(crowd, least=rounds.said, most=rounds.said)
        assert (report["recovered"], report["resets"]) == ((0, CLIENTS) if log_too else (CLIENTS, 0))
        assert 0 < gauges.at_once <= AT_ONCE
        assert gauges.together > 0, "nobody had to wait: this was no stampede"
        assert during, "nothing was delivered live meanwhile"
        for user, position, first in await crowd.order("resets", ""):
            assert rounds.positions[user][first - 1] <= Position.parse(position), "a gap behind the reset"
        p99_ms = sorted(during)[int(len(during) * 0.99)] * 1000
        log.warning("%s back in %.1f s, %g waited, live p99 %.0f ms", CLIENTS, took_s, gauges.together, p99_ms)
    await link.aclose()
