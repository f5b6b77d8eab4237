"""A node whose tail falls behind the shard's log goes on from the rooms' own streams."""

from __future__ import annotations

import asyncio

from app.feed import Feed
from app.node import Node
from streams.append import NewEntry
from streams.entry import Position
from tests.contract.clients import Listener, calling, listening
from tests.contract.links import breakable
from tests.support.nodes import Fleet, eventually, token

SHORTEST = 5_000
FLOOD = 12_000


async def test_a_node_that_fell_behind_loses_and_repeats_nothing_and_obeys_the_orders_that_it_missed(
    fleet: Fleet,
) -> None:
    short = {"shard_log_length": SHORTEST}
    async with (
        breakable(fleet) as (behind, proxy),
        fleet.inside(**short) as producer,
        behind.inside(**short) as node,
        listening(node.url) as client,
        calling(producer.url) as api,
    ):
        chat = await api.new_chat()
        doomed, moved = Listener(), Listener()
        await doomed.open(node.url, token("doomed"))
        await moved.open(node.url, token("moved"))
        await api.emit(chat, "message", {"content": "0 "})
        await eventually(lambda: client.words == ["0"])

        proxy.silent = True
        session = next(iter(node.node.sessions.by_user["moved"]))
        orders = [
            asyncio.create_task(producer.node.orders.disconnect_user("doomed")),
            asyncio.create_task(producer.node.orders.enter_room("channel:c", ["moved"])),
        ]
        for number in range(1, 200):
            await api.emit(chat, "message", {"content": f"{number} "})
        await _flood(producer.node)
        await producer.node.emitter.publish("channel:c", "hello", {}, True, None)
        assert client.words == ["0"]
        proxy.silent = False

        await eventually(lambda: len(client.words) >= 200, 30)
        await eventually(lambda: not doomed.connected)
        await eventually(lambda: moved.of("hello"))
        await asyncio.gather(*orders, return_exceptions=True)  # their barrier may have run out of time
        await api.emit(chat, "message", {"content": "200 "})
        await eventually(lambda: len(client.words) >= 201)
        assert client.words == [f"{number}" for number in range(201)]
        assert client.positions == sorted(set(client.positions))
        assert client.connected
        assert "channel:c" in session.feed.rooms
        assert moved.of("hello") == [{}]


async def test_a_node_whose_link_breaks_again_while_it_repairs_lives_on(fleet: Fleet) -> None:
    short = {"shard_log_length": SHORTEST}
    async with (
        breakable(fleet) as (behind, proxy),
        fleet.inside(**short) as producer,
        behind.inside(**short) as node,
        listening(node.url) as client,
        calling(producer.url) as api,
    ):
        chat = await api.new_chat()
        await eventually(lambda: client.of("events"))
        proxy.refusing = True
        proxy.cut()
        await api.emit(chat, "message", {"content": "missed "})
        await _flood(producer.node)
        fallen = asyncio.Event()
        told = node.node.hub.fall_behind

        def fall_behind(before: Position) -> list[Feed]:
            proxy.refusing = True
            proxy.cut()
            fallen.set()
            return told(before)

        node.node.hub.fall_behind = fall_behind  # type: ignore[method-assign]  # to break the link at that moment
        proxy.refusing = False
        await asyncio.wait_for(fallen.wait(), 15)
        loop = asyncio.get_running_loop()
        broken = loop.time()
        await eventually(lambda: loop.time() - broken > 7)  # longer than any read of the repair is retried
        proxy.refusing = False
        if not client.connected:  # it was cut off, to resume
            await client.open(node.url, token())
            assert client.recovered
        await api.emit(chat, "message", {"content": "after "})
        await eventually(lambda: len(client.words) >= 2)
        assert client.words == ["missed", "after"]


async def _flood(node: Node) -> None:
    """Append more than the shard's log keeps."""
    filler = NewEntry("chat:elsewhere", "filler", b"{}")
    for _ in range(FLOOD // 1000):
        await asyncio.gather(*(node.appender.append(filler) for _ in range(1000)))
