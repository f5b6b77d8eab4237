"""A client that reads slowly from a fast room costs the node no memory, and loses nothing; by whatever WebSocket."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import pytest

from app.emitter import Emitter
from app.metrics import NODE
from app.session import Session
from tests.contract.clients import Listener, listening, raw_session
from tests.support.nodes import FAST, PLAIN, Fleet, LocalNode, eventually, token
from tests.support.proxy import Proxy, proxy_to

EVENTS = 600
EVENT_BYTES = 20_000  # all together more than the kernel takes for one link, of which ASGI tells nothing
QUEUE_BYTES = 100_000
QUEUE_PACKETS = 20
BUFFER_BYTES = 50_000
RATE = 4_000_000
WAYS = pytest.mark.parametrize("way", [FAST, PLAIN])


@dataclass
class Watched:
    """What a session was seen to wait for at most, and whether it left live mode."""

    session: Session
    bytes: int = 0
    packets: int = 0
    left_live: bool = False

    def look(self) -> None:
        self.bytes = max(self.bytes, sum(self.session.waiting))
        self.packets = max(self.packets, self.session.socket.queue.qsize())
        self.left_live = self.left_live or self.session.feed.slow

    async def until_live(self) -> None:
        """Look on until the session is live again."""

        def live() -> bool:
            self.look()
            return self.session.feed.live

        await eventually(live, 60)


def _session(node: LocalNode, client: Listener) -> Session:
    return node.node.sessions.by_sid[client.get_sid() or ""]


async def _publish(emitter: Emitter, number: int, size: int = EVENT_BYTES) -> None:
    text = f"{number},{random.randbytes(size // 2).hex()}"[:size] + " "  # not to be compressed to nothing
    body = {"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": {"content": text}}}
    await emitter.publish("user:alice", "events", body, True, None)


async def _flood(node: LocalNode, watched: Watched) -> None:
    for number in range(0, EVENTS, 10):
        await asyncio.gather(*(_publish(node.node.emitter, number + at) for at in range(10)))
        watched.look()


def _numbers(client: Listener) -> list[int]:
    return [int(word[: word.index(",")]) for word in client.words]


@pytest.mark.parametrize(
    ("way", "marks"),
    [
        (FAST, {"send_queue_bytes": QUEUE_BYTES, "send_buffer_bytes": BUFFER_BYTES}),
        (PLAIN, {"send_queue_bytes": QUEUE_BYTES, "send_buffer_bytes": BUFFER_BYTES}),
        (PLAIN, {"send_queue_packets": QUEUE_PACKETS}),
    ],
)
async def test_a_slow_reader_leaves_live_mode_and_ends_with_everything_while_what_waits_for_it_stays_bounded(
    fleet: Fleet, way: str, marks: dict[str, int]
) -> None:
    fleet.websockets = way
    async with (
        fleet.inside(**marks) as node,
        proxy_to(node.port) as proxy,
        listening(node.url) as fast,
        Listener() as slow,
    ):
        proxy.buffer_bytes = 1 << 16
        await slow.open(proxy.url, token(), transports=["websocket"])
        proxy.silent = True  # until it is behind, however slow the machine is
        watched = Watched(_session(node, slow))
        await _flood(node, watched)
        await eventually(lambda: len(fast.words) >= EVENTS, 60)
        assert len(slow.words) < EVENTS
        proxy.rate, proxy.silent = RATE, False
        await watched.until_live()
        await eventually(lambda: len(slow.words) >= EVENTS or not slow.connected, 60)
        assert _numbers(fast) == list(range(EVENTS))
        assert _numbers(slow) == list(range(EVENTS))
        assert slow.positions == sorted(set(slow.positions))
        assert len(slow.contents) < EVENTS  # neighbours came joined
        assert watched.left_live
        if "send_queue_packets" in marks:
            assert watched.packets <= QUEUE_PACKETS + 1  # a ping
        else:
            assert watched.bytes < QUEUE_BYTES + BUFFER_BYTES + 3 * (1 << 16)  # and a joined event above each
        assert slow.connected
        assert slow.of("room:reset") == []
        assert fast.of("room:reset") == []


@WAYS
async def test_metrics_tell_of_slow_sessions_and_of_what_waits_for_them(fleet: Fleet, way: str) -> None:
    fleet.websockets = way
    marks = {"send_queue_bytes": QUEUE_BYTES, "send_buffer_bytes": BUFFER_BYTES}
    async with fleet.inside(**marks) as node, proxy_to(node.port) as proxy, Listener() as slow:
        proxy.buffer_bytes = 1 << 16
        await slow.open(proxy.url, token(), transports=["websocket"])
        left_before = NODE.registry.get_sample_value("roomlog_slow_sockets_total") or 0
        proxy.silent = True
        watched = Watched(_session(node, slow))
        await _flood(node, watched)
        await eventually(lambda: watched.session.feed.slow and any(watched.session.waiting))
        node.node.sessions.measure()
        assert NODE.registry.get_sample_value("roomlog_slow_sessions") == 1
        where = [
            NODE.registry.get_sample_value("roomlog_send_waiting_bytes", {"where": it}) for it in ("queue", "buffer")
        ]
        assert sum(found or 0 for found in where) > 0
        assert (NODE.registry.get_sample_value("roomlog_slow_sockets_total") or 0) > left_before
        proxy.silent = False
        await watched.until_live()
        node.node.sessions.measure()
        assert NODE.registry.get_sample_value("roomlog_slow_sessions") == 0


@WAYS
async def test_one_very_large_event_comes_whole_and_what_follows_comes_after_it(fleet: Fleet, way: str) -> None:
    fleet.websockets = way
    size = 3 << 20
    async with (
        fleet.inside(send_buffer_bytes=BUFFER_BYTES) as node,
        proxy_to(node.port) as proxy,
        listening(node.url) as fast,
        Listener() as slow,
    ):
        await slow.open(proxy.url, token(), transports=["websocket"])
        proxy.rate = 20_000_000
        await _publish(node.node.emitter, 0, size)
        for number in range(1, 20):
            await _publish(node.node.emitter, number, 100)
        for client in (fast, slow):
            await eventually(lambda client=client: len(client.words) >= 20, 60)
            assert _numbers(client) == list(range(20))
            assert len(client.words[0]) == size


async def test_a_client_whose_pings_stand_behind_its_events_is_not_taken_for_dead(fleet: Fleet) -> None:
    """What waits before a ping takes longer than its answer may. By ASGI nobody knows what waits in the web server."""
    fleet.websockets = FAST
    times = {"websocket_server_ping_interval": 1.0, "websocket_server_ping_timeout": 4.0}
    marks = {"send_queue_bytes": 2_000_000, "send_buffer_bytes": 2_000_000}
    async with fleet.inside(**marks, **times) as node, proxy_to(node.port) as proxy:
        proxy.buffer_bytes = 1 << 16
        async with raw_session(proxy.url, "alice") as slow:  # a client that waits for pings as long as it takes
            proxy.rate = 200_000
            for number in range(0, 400, 10):
                await asyncio.gather(*(_publish(node.node.emitter, number + at) for at in range(10)))
            text = ""
            while "399," not in text:
                text += (await slow.until('42["events"')).partition('"content":"')[2].partition('"')[0]
            assert [int(word[: word.index(",")]) for word in text.split()] == list(range(400))
            proxy.rate = None
            await slow.alive()


@WAYS
async def test_a_client_that_stops_reading_is_closed_in_the_end_and_resumes(fleet: Fleet, way: str) -> None:
    fleet.websockets = way
    times = {"websocket_server_ping_interval": 1.0, "websocket_server_ping_timeout": 1.5}
    async with (
        fleet.inside(send_queue_bytes=QUEUE_BYTES, send_buffer_bytes=BUFFER_BYTES, **times) as node,
        proxy_to(node.port) as proxy,
        Listener() as client,
    ):
        proxy.buffer_bytes = 1 << 16
        await client.open(proxy.url, token(), transports=["websocket"])
        watched = Watched(_session(node, client))
        await _publish(node.node.emitter, 0)
        await eventually(lambda: client.words)
        proxy.silent = True
        for number in range(1, 301, 10):
            await asyncio.gather(*(_publish(node.node.emitter, number + at) for at in range(10)))
            watched.look()
        await eventually(lambda: watched.session.socket.closed)
        await eventually(lambda: watched.session.sid not in node.node.sessions.by_sid)
        await _is_let_go(watched.session)
        await _come_back(client, proxy, node)
        assert client.recovered
        await eventually(lambda: len(client.words) >= 301)
        assert _numbers(client) == list(range(301))


async def _is_let_go(session: Session) -> None:
    """Nothing is kept for it."""
    await eventually(lambda: sum(session.waiting) == 0)
    await eventually(lambda: session.feeding is None or session.feeding.done())


async def _come_back(client: Listener, proxy: Proxy, node: LocalNode) -> None:
    proxy.cut()
    await eventually(lambda: not client.connected)
    await client.open(node.url, token(), transports=["websocket"])
