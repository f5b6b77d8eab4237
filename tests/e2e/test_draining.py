"""Nodes that go away calmly: told by SIGTERM, they send their clients elsewhere, let work end, and leave."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.contract.clients import Listener
from tests.e2e.balancer import Balancer, balancer_before
from tests.e2e.producer import Producer, hears
from tests.support.completions import REQUEST, ask, done, message_of, so_far
from tests.support.js import POLLING, SWIFT, UPGRADE, WEBSOCKET, Js, JsClient
from tests.support.nodes import DEADLINE_S, Api, Fleet, Process, bearer, eventually, token
from tests.support.provider import Conversation, running_provider

HANDSHAKE = "/ws/socket.io/?EIO=4&transport=polling"
LONG_S = 600


def sigterm(node: Process) -> None:
    """Tell a node to stop; does not wait."""
    assert node.process is not None
    node.process.send_signal(signal.SIGTERM)


async def gone(node: Process) -> int:
    """Wait until the node has ended by itself; returns its exit code."""
    process = node.process
    assert process is not None
    await eventually(lambda: process.poll() is not None, DEADLINE_S)
    return process.returncode


async def reasons(client: httpx.AsyncClient) -> str:
    """Why the node is not ready."""
    return " ".join((await client.get("/readyz")).json()["reasons"])


async def moved(client: httpx.AsyncClient) -> int:
    """How many clients the node has sent elsewhere."""
    lines = (await client.get("/metrics")).text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("roomlog_moved_clients_total "))))


@asynccontextmanager
async def looking_at(node: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=DEADLINE_S) as client:
        yield client


async def _connect(js: Js, balancer: Balancer, transports: list[str]) -> JsClient:
    client = await js.begin(balancer.url, {"auth": {"token": token()}, "transports": transports} | SWIFT)
    await client.connected()
    return client


async def test_clients_of_every_transport_move_over_and_are_recovered(fleet: Fleet, js: Js, producer: Producer) -> None:
    leaving, staying = await fleet.node(drain_seconds=2), await fleet.node()
    async with balancer_before(leaving.port) as balancer:
        clients = [await _connect(js, balancer, kind) for kind in (WEBSOCKET, POLLING, UPGRADE) * 2]
        async with producer.flowing(["a", "b"], per_s=300):
            await producer.go_on(20)
            balancer.point_at(staying.port)
            sigterm(leaving)
            for client in clients:
                assert (await client.connected(2)).recovered
                assert client.disconnects in (["transport close"], ["transport error"])
            assert await gone(leaving) == (-signal.SIGTERM if "uvicorn" in leaving.arguments else 0)
        for client in clients:
            await hears(client, producer.numbers())
            assert client.resets() == []
    async with fleet.inside() as node:
        reports = await node.node.nodes.alive()
        assert [report["draining"] for report in reports.values()] == [False, False], "the one that left is still there"


async def test_a_draining_node_is_not_ready_takes_nobody_new_and_spreads_the_leave_taking(fleet: Fleet, js: Js) -> None:
    leaving, staying = await fleet.node(drain_seconds=6), await fleet.node()
    async with balancer_before(leaving.port) as balancer, looking_at(leaving) as http:
        clients = [await _connect(js, balancer, WEBSOCKET) for _ in range(6)]
        balancer.point_at(staying.port)
        sigterm(leaving)
        await eventually(lambda: _is_draining(http))
        answer = await http.get(HANDSHAKE)
        assert (answer.status_code, answer.json()["code"]) == (503, "draining")
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["connection"] == "close"
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade["Sec-WebSocket-Key"] = "c29tZSBrZXkgb2YgMTYgYg=="
        answer = await http.get(HANDSHAKE.replace("polling", "websocket"), headers=upgrade)
        assert answer.status_code == 503
        counts = {await moved(http)}
        await eventually(lambda: _seen(http, counts))
        for client in clients:
            assert (await client.connected(2)).recovered
        await gone(leaving)
    assert len(counts & set(range(1, 6))) > 1, "they were sent away all at once"


async def _is_draining(http: httpx.AsyncClient) -> bool:
    return (await reasons(http)).startswith("draining")


async def _seen(http: httpx.AsyncClient, counts: set[int]) -> bool:
    """Note how many were moved by now; true when all six were, or the node is gone."""
    try:
        counts.add(await moved(http))
    except httpx.TransportError:
        return True
    return 6 in counts


async def test_everything_that_waits_for_a_client_is_written_before_its_link_ends(fleet: Fleet) -> None:
    """Ephemeral events: what is not written is lost, since nobody replays it."""
    async with fleet.inside(drain_seconds=1) as node:
        clients = [Listener() for _ in range(2)]
        for client, transports in zip(clients, (["websocket"], ["polling"]), strict=True):
            await client.open(node.url, token(), transports)
        stopped = asyncio.Event()
        for number in range(2000):
            for session in node.node.sessions.by_sid.values():
                session.send_whole("ping", b"%d" % number)
        node.node.drain.begin(stopped.set)
        for client in clients:
            await eventually(lambda client=client: not client.connected)
            assert client.of("ping") == list(range(2000))
        await stopped.wait()


async def test_a_follower_by_http_comes_back_with_its_last_event_id(fleet: Fleet, producer: Producer) -> None:
    leaving, staying = await fleet.node(drain_seconds=1), await fleet.node()
    path, ids = "/api/v1/rooms/user:alice/events/stream", list[str]()
    async with looking_at(leaving) as http, http.stream("GET", path, headers=bearer()) as answer:
        lines = answer.aiter_lines()
        await anext(lines)
        await producer.say_many("c", 3)
        while len(ids) < 3:
            ids += [line[4:] for line in [await anext(lines)] if line.startswith("id: ")]
        sigterm(leaving)
        rest = [line async for line in lines]  # it ends as an answer does, not as a broken one
        assert not any(line.startswith("id: ") for line in rest)
    await gone(leaving)
    await producer.say("c")
    async with (
        looking_at(staying) as http,
        http.stream("GET", path, headers=bearer() | {"Last-Event-ID": ids[-1]}) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                assert '"content":"3 "' in line
                break


class Halting:
    """A provider's script that says a word, and the other when it may."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(content="begun")
        await self.go_on.wait()
        await conversation.event(content=" and done")
        await conversation.finish()


@asynccontextmanager
async def answering(fleet: Fleet, drain_seconds: float) -> AsyncIterator[tuple[Process, Api, Api, str, Halting]]:
    """A node that streams an answer, alice on it and on another node, the chat, the provider's script."""
    async with running_provider() as provider, fleet.inside() as other, AsyncExitStack() as stack:
        script = Halting()
        provider.script = script
        node = await fleet.node(openai_api_base_url=provider.url, drain_seconds=drain_seconds)
        here, there = Api(node.url), Api(other.url)
        stack.push_async_callback(here.aclose)
        stack.push_async_callback(there.aclose)
        chat = await there.new_chat()
        await ask(here, chat)
        await so_far(there, chat, "begun")
        yield node, here, there, chat, script


async def test_an_answer_that_ends_within_the_window_is_whole(fleet: Fleet) -> None:
    async with answering(fleet, LONG_S) as (node, here, there, chat, script):
        sigterm(node)
        await eventually(lambda: _is_draining(here.client))
        refused = await here.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": "m2"})
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert await message_of(there, chat, "m2") is None
        assert (await here.client.get("/api/tasks")).json()["tasks"]
        script.go_on.set()
        message = await done(there, chat)
        assert (message["content"], message.get("interrupted")) == ("begun and done", False)
        await gone(node)  # long before the window's end: nothing is waited for


async def test_an_answer_that_goes_on_is_closed_as_interrupted_at_the_windows_end(fleet: Fleet) -> None:
    async with answering(fleet, 0.5) as (node, _here, there, chat, script):
        sigterm(node)
        message = await done(there, chat)  # no worker runs: the node itself has closed it
        assert (message["content"], message["interrupted"]) == ("begun", True)
        await gone(node)
        script.go_on.set()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_the_window_at_once(fleet: Fleet, js: Js, second: signal.Signals) -> None:
    leaving, staying = await fleet.node(drain_seconds=LONG_S), await fleet.node()
    async with balancer_before(leaving.port) as balancer, looking_at(leaving) as http:
        clients: list[Any] = [await _connect(js, balancer, WEBSOCKET) for _ in range(2)]
        balancer.point_at(staying.port)
        sigterm(leaving)
        await eventually(lambda: _is_draining(http))
        assert leaving.process is not None
        leaving.process.send_signal(second)
        await gone(leaving)
        for client in clients:
            assert (await client.connected(2)).recovered


async def test_a_node_without_clients_does_not_wait_for_its_window(fleet: Fleet) -> None:
    node = await fleet.node(drain_seconds=LONG_S)
    sigterm(node)
    code = await gone(node)
    assert code == (-signal.SIGTERM if "uvicorn" in node.arguments else 0)  # uvicorn raises it again
