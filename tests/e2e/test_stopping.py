"""Nodes that are told to stop, with clients on them."""

from __future__ import annotations

import asyncio

from tests.e2e.balancer import balancer_before
from tests.e2e.producer import Producer, heard
from tests.support.js import SWIFT, WEBSOCKET, Js
from tests.support.nodes import Fleet, eventually, token
from tests.support.valkey import free_port


async def test_a_rolling_restart_of_busy_nodes_loses_nothing_and_ends(fleet: Fleet, js: Js, producer: Producer) -> None:
    """Each node is told to stop in the middle of its work; it does, and its client goes on at the next."""
    async with asyncio.timeout(90), balancer_before(free_port()) as balancer, producer.flowing(["c"], per_s=5000):
        client = await js.begin(balancer.url, {"auth": {"token": token()}, "transports": WEBSOCKET} | SWIFT)
        for times in range(1, 9):
            async with fleet.inside(tail_pause_ms=0) as node:
                balancer.point_at(node.port)
                assert (await client.connected(times)).recovered == (times > 1)
                await producer.go_on(20)
        first = heard(client)[0]
        async with fleet.inside(tail_pause_ms=0) as node:
            balancer.point_at(node.port)
            assert (await client.connected(9)).recovered
            last = await producer.say("c")
            await eventually(lambda: last in heard(client))
            assert heard(client)[: last - first + 1] == list(range(first, last + 1))
            await client.close()
