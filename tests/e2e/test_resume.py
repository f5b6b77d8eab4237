"""The official client after a cut: recovered, and every event once and in order.

`hears` says it all: what was said is what was heard, with positions that grow.
"""

from __future__ import annotations

import pytest

from tests.contract.clients import calling
from tests.e2e.balancer import balancer_before
from tests.e2e.producer import Producer, heard, hears
from tests.support.js import POLLING, UPGRADE, WEBSOCKET, Js
from tests.support.nodes import Fleet, eventually, token

TRANSPORTS = pytest.mark.parametrize("transports", [POLLING, UPGRADE, WEBSOCKET], ids=["polling", "upgrade", "ws"])


@TRANSPORTS
async def test_what_was_said_during_a_cut_is_heard_after_it_on_the_same_node(
    fleet: Fleet, js: Js, producer: Producer, transports: list[str]
) -> None:
    async with fleet.inside() as node, balancer_before(node.port) as balancer:
        client = await js.open(balancer.url, token(), transports)
        await producer.say_many("c", 5)
        await hears(client, producer.numbers())
        async with balancer.outage():
            await producer.say_many("c", 20)
        back = await client.connected(2)
        assert back.recovered
        assert back.sid == client.connects[0].sid
        await producer.say("c")
        await hears(client, producer.numbers())
        await client.close()


@TRANSPORTS
async def test_a_client_that_lands_on_another_node_hears_all_of_it_once(
    fleet: Fleet, js: Js, producer: Producer, transports: list[str]
) -> None:
    async with fleet.inside() as one, fleet.inside() as two, balancer_before(one.port) as balancer:
        client = await js.open(balancer.url, token(), transports)
        await producer.say_many("c", 5)
        await hears(client, producer.numbers())
        async with balancer.outage():
            balancer.point_at(two.port)
            await producer.say_many("c", 20)
        assert (await client.connected(2)).recovered
        await producer.say("c")
        await hears(client, producer.numbers())
        await client.close()


@TRANSPORTS
async def test_a_node_killed_while_events_flow_loses_and_repeats_nothing(
    fleet: Fleet, js: Js, producer: Producer, transports: list[str]
) -> None:
    one, two = await fleet.node(), await fleet.node()
    async with balancer_before(one.port) as balancer:
        client = await js.open(balancer.url, token(), transports)
        async with producer.flowing(["c"]):
            await eventually(lambda: heard(client))
            one.kill()
            balancer.point_at(two.port)
            assert (await client.connected(2)).recovered
            await producer.go_on(100)
        await hears(client, producer.numbers())
        await client.close()


@TRANSPORTS
async def test_cut_after_cut_from_node_to_node_while_200_events_a_second_flow(
    fleet: Fleet, js: Js, producer: Producer, transports: list[str]
) -> None:
    async with fleet.inside() as one, fleet.inside() as two, balancer_before(one.port) as balancer:
        client = await js.open(balancer.url, token(), transports)
        async with producer.flowing(["c"]):
            for node in (two, one, one, two, two, one):
                balancer.point_at(node.port)
                assert (await client.cut_and_back()).recovered
                await producer.go_on(40)
        await hears(client, producer.numbers())
        await client.close()


@pytest.mark.parametrize("rooms", [1, 2, 50])
async def test_a_viewer_of_many_rooms_gets_one_order_over_all_of_them(
    fleet: Fleet, js: Js, producer: Producer, rooms: int
) -> None:
    """One room is the user's own; the others are chats of another user."""
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        balancer_before(one.port) as balancer,
        calling(one.url) as api,
    ):
        owner = "root" if rooms == 1 else "alice"
        chats = [await api.new_chat() for _ in range(max(rooms - 1, 1))]
        client = await js.open(balancer.url, token("root", role="admin"))
        for chat in chats[: rooms - 1]:
            assert await client.ask("events:chat", {"chat_id": chat, "data": {"type": "join"}}) is True
        async with producer.flowing(chats, owner):
            await eventually(lambda: heard(client))
            async with balancer.outage():
                balancer.point_at(two.port)
                await producer.go_on(150)
            assert (await client.connected(2)).recovered
            assert (await client.cut_and_back()).recovered
            await producer.go_on(100)
        await hears(client, producer.numbers())
        await client.close()


async def test_rooms_joined_and_left_while_events_flow_begin_and_end_cleanly(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    """Between the acknowledgements of a join and of the leave, every event of the chat; outside of them, none."""
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        balancer_before(one.port) as balancer,
        calling(one.url) as api,
    ):
        chats = [await api.new_chat() for _ in range(4)]
        stays, *others = chats
        client = await js.open(balancer.url, token("root", role="admin"))
        assert await client.ask("events:chat", {"chat_id": stays, "data": {"type": "join"}}) is True
        must: set[int] = set()
        must_not: set[int] = set()
        async with producer.flowing(chats):
            for chat, node in zip(others * 2, (two, one) * 3, strict=True):
                outside = len(producer.said)
                await producer.go_on(20)
                must_not |= {said.number for said in producer.said[outside:] if said.chat == chat}
                assert await client.ask("events:chat", {"chat_id": chat, "data": {"type": "join"}}) is True
                inside = len(producer.said)
                await producer.go_on(20)
                balancer.point_at(node.port)
                assert (await client.cut_and_back()).recovered
                await producer.go_on(20)
                must |= {said.number for said in producer.said[inside:] if said.chat == chat}
                assert await client.ask("events:chat", {"chat_id": chat, "data": {"type": "leave"}}) is True
        last = await producer.say(stays)
        await eventually(lambda: last in heard(client))
        got = heard(client)
        assert got == sorted(set(got))
        assert set(producer.numbers(stays)) <= set(got)
        assert must <= set(got)
        assert not must_not & set(got)
        await client.close()


async def test_a_client_that_had_received_nothing_resumes_from_its_connect(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    async with fleet.inside() as one, fleet.inside() as two, balancer_before(one.port) as balancer:
        await producer.say_many("c", 3)
        client = await js.open(balancer.url, token())
        before = len(producer.said)
        async with balancer.outage():
            balancer.point_at(two.port)
            await producer.say_many("c", 10)
        assert (await client.connected(2)).recovered
        await producer.say("c")
        await hears(client, producer.numbers()[before:])
        await client.close()


async def test_when_one_tab_reconnects_the_other_hears_nothing_twice(fleet: Fleet, js: Js, producer: Producer) -> None:
    async with fleet.inside() as one, fleet.inside() as two, balancer_before(one.port) as balancer:
        stays = await js.open(one.url, token())
        goes = await js.open(balancer.url, token())
        async with producer.flowing(["c"]):
            for node in (two, one):
                async with balancer.outage():
                    balancer.point_at(node.port)
                    await producer.go_on(30)
                assert (await goes.connected(len(goes.disconnects) + 1)).recovered
        await hears(stays, producer.numbers())
        await hears(goes, producer.numbers())
        assert len(stays.connects) == 1
        assert goes.connects[0].sid != stays.connects[0].sid
        await stays.close()
        await goes.close()


async def test_a_cut_in_the_middle_of_a_replay_is_no_other_cut(fleet: Fleet, js: Js, producer: Producer) -> None:
    """The link is slow, so that every cut comes while the client is being told what it missed."""
    async with fleet.inside() as one, fleet.inside() as two, balancer_before(one.port) as balancer:
        client = await js.open(balancer.url, token(), WEBSOCKET)
        producer.padding_bytes = 200
        async with balancer.outage():
            await producer.say_many("c", 1000)
            balancer.rate = 100_000
        for node in (two, one, two):
            times = len(client.connects)
            seen = len(heard(client))
            await eventually(lambda seen=seen: len(heard(client)) > seen + 20)
            balancer.point_at(node.port)
            balancer.cut()
            assert (await client.connected(times + 1)).recovered
            assert len(heard(client)) < 1000
        balancer.rate = None
        await producer.say("c")
        await hears(client, producer.numbers())
        await client.close()
