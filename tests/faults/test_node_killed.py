"""A node is killed with SIGKILL: its clients land on another node, and everything reaches them once, in order."""

from __future__ import annotations

import asyncio

from tests.contract.clients import Listener, calling, listening
from tests.support.nodes import Fleet, eventually, token


async def test_clients_of_a_killed_node_get_every_event_once_and_in_order_on_another_node(fleet: Fleet) -> None:
    doomed, other = await fleet.node(), await fleet.node()
    async with calling(other.url) as api:
        chat = await api.new_chat()
        clients = [Listener() for _ in range(5)]
        for client in clients:
            await client.open(doomed.url, token())

        async def produce() -> None:
            for number in range(300):
                await api.emit(chat, "message", {"content": f"{number} "})

        producing = asyncio.create_task(produce())
        await eventually(lambda: all(len(client.words) >= 50 for client in clients))
        doomed.kill()
        await eventually(lambda: not any(client.connected for client in clients))
        for client in clients:
            await client.open(other.url, token())
            assert client.recovered
        await producing
        for client in clients:
            await eventually(lambda client=client: len(client.words) >= 300)
            assert client.words == [f"{number}" for number in range(300)]
            assert client.positions == sorted(set(client.positions))


async def test_a_killed_node_that_is_back_resumes_its_own_clients(fleet: Fleet) -> None:
    node, other = await fleet.node(), await fleet.node()
    async with calling(other.url) as api:
        chat = await api.new_chat()
        async with Listener() as client:
            await client.open(node.url, token())
            await api.emit(chat, "message", {"content": "before "})
            await eventually(lambda: client.words == ["before"])
            node.kill()
            await eventually(lambda: not client.connected)
            await api.emit(chat, "message", {"content": "meanwhile "})
            node.start()
            await node.ready()
            await client.open(node.url, token())
            assert client.recovered
            await api.emit(chat, "message", {"content": "after "})
            await eventually(lambda: len(client.words) >= 3)
            assert client.words == ["before", "meanwhile", "after"]


async def test_of_two_tabs_one_reconnects_and_the_other_sees_nothing_twice(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, listening(one.url) as steady, calling(one.url) as api:
        chat = await api.new_chat()
        async with Listener() as moving:
            await moving.open(one.url, token())
            for number in range(60):
                await api.emit(chat, "message", {"content": f"{number} "})
                if number % 10 == 9:
                    await moving.drop()
                    await moving.open((one, two)[number // 10 % 2].url, token())
                    assert moving.recovered
            expected = [f"{number}" for number in range(60)]
            for tab in (steady, moving):
                await eventually(lambda tab=tab: len(tab.words) >= 60)
                assert tab.words == expected
                assert tab.of("room:reset") == []
            assert steady.positions[-60:] == moving.positions
