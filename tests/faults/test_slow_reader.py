"""A client that reads slowly from a fast room costs the node no memory, and loses nothing."""

from __future__ import annotations

import asyncio

from app.emitter import Emitter
from tests.contract.clients import Listener, listening
from tests.support.nodes import Fleet, eventually, token
from tests.support.proxy import proxy_to

QUEUE = 20
EVENTS = 1000
BYTES = 5_000


async def test_a_slow_reader_leaves_live_mode_and_ends_with_everything_while_its_queue_stays_bounded(
    fleet: Fleet,
) -> None:
    async with (
        fleet.inside(send_queue_packets=QUEUE) as node,
        proxy_to(node.port) as proxy,
        listening(node.url) as fast,
        Listener() as slow,
    ):
        await slow.open(proxy.url, token(), transports=["websocket"])
        proxy.rate = 500_000
        session = node.node.sessions.by_sid[slow.get_sid() or ""]
        longest = 0
        left_live = False
        for number in range(EVENTS // 10):
            appends = (_publish(node.node.emitter, 10 * number + at) for at in range(10))
            await asyncio.gather(*appends)
            longest = max(longest, session.socket.queue.qsize())
            left_live = left_live or not session.feed.live
        await eventually(lambda: len(fast.words) >= EVENTS, 30)
        behind = len(slow.words)
        await eventually(lambda: len(slow.words) >= EVENTS or not slow.connected, 60)
        expected = [f"{number}," for number in range(EVENTS)]
        assert [content[: content.index(",") + 1] for content in fast.words] == expected
        assert [content[: content.index(",") + 1] for content in slow.words] == expected
        assert left_live
        assert behind < EVENTS
        assert longest <= 500 + QUEUE  # a page of catching up, above what makes it leave live mode
        assert slow.connected
        assert slow.of("room:reset") == []
        await eventually(lambda: session.feed.live)


async def _publish(emitter: Emitter, number: int) -> None:
    text = f"{number},".ljust(BYTES, "x") + " "
    body = {"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": {"content": text}}}
    await emitter.publish("user:alice", "events", body, True, None)
