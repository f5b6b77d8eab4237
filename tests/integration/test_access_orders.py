"""What concerns a session on another node: ordered from a node that does not hold it, true at once everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from streams.entry import Position
from tests.contract.clients import Listener, calling, listening
from tests.support.nodes import Fleet, LocalNode, eventually, token
from tests.support.people import Person, people

ROOM = "channel:c"


@pytest.fixture
async def far(fleet: Fleet) -> AsyncIterator[tuple[LocalNode, LocalNode]]:
    """A node that gives orders, and another that holds the sessions."""
    async with fleet.inside() as ordering, fleet.inside() as holding:
        yield ordering, holding


Nodes = tuple[LocalNode, LocalNode]


async def test_disconnecting_a_user_ends_all_its_sessions_for_good_on_another_node(far: Nodes) -> None:
    ordering, holding = far
    async with Listener() as one, Listener() as two, listening(holding.url, "bob") as other:
        await one.open(holding.url, token())
        await two.open(ordering.url, token())
        pid = one.pid
        await ordering.node.orders.disconnect_user("alice")
        await eventually(lambda: not one.connected and not two.connected)
        await eventually(lambda: one.eio.state == "disconnected")
        await one.open(holding.url, token())
        assert not one.recovered
        assert one.pid != pid
        assert other.connected
        assert other.got == []


async def test_disconnecting_one_session_leaves_the_users_other_sessions_alone(far: Nodes) -> None:
    ordering, holding = far
    async with Listener() as one, Listener() as two, calling(ordering.url) as api:
        await one.open(holding.url, token())
        await two.open(holding.url, token())
        await ordering.node.orders.disconnect_session(one.get_sid() or "")
        await eventually(lambda: not one.connected)
        await api.new_chat()
        await eventually(lambda: two.of("events"))
        assert one.got == []


def _by_user(node: LocalNode, into: bool, _sid: str) -> Awaitable[None]:
    orders = node.node.orders
    return orders.enter_room(ROOM, ["alice"]) if into else orders.leave_room(ROOM, ["alice"])


def _by_socketio(node: LocalNode, into: bool, sid: str) -> Awaitable[None]:
    server = node.node.server
    moved: Awaitable[None] = server.enter_room(sid, ROOM) if into else server.leave_room(sid, ROOM)
    return moved


@pytest.mark.parametrize("move", [_by_user, _by_socketio])
async def test_entering_and_leaving_a_room_hold_from_the_moment_that_the_order_returns(
    far: Nodes, move: Callable[[LocalNode, bool, str], Awaitable[None]]
) -> None:
    ordering, holding = far
    async with listening(holding.url) as client:
        sid = client.get_sid()
        await ordering.node.server.emit("before", {}, room=ROOM)
        await move(ordering, True, sid)
        for number in range(20):
            await ordering.node.server.emit("inside", {"n": number}, room=ROOM)
        await move(ordering, False, sid)
        await ordering.node.server.emit("after", {}, room=ROOM)
        await ordering.node.server.emit("end", {}, room="user:alice")
        await eventually(lambda: client.of("end"))
        assert [event for event, _ in client.got] == ["inside"] * 20 + ["end"]
        assert client.of("inside") == [{"n": number} for number in range(20)]


async def test_an_emit_through_python_socketios_own_api_is_durable(far: Nodes) -> None:
    ordering, holding = far
    async with listening(holding.url) as client:
        await ordering.node.server.emit("events", {"data": {"type": "x"}}, room="user:alice")
        await eventually(lambda: client.of("events"))
        await client.drop()
        for number in range(5):
            await ordering.node.server.emit("events", {"data": {"type": f"{number}"}}, room="user:alice")
        await client.open(ordering.url, token())
        assert client.recovered
        await eventually(lambda: len(client.of("events")) >= 6)
        assert [body["data"]["type"] for body in client.of("events")] == ["x", "0", "1", "2", "3", "4"]
        assert client.positions == sorted(set(client.positions))


async def test_a_room_that_was_entered_by_order_is_resumed_only_while_the_user_may_read_it(far: Nodes) -> None:
    ordering, holding = far
    async with listening(holding.url) as client, calling(ordering.url, "bob") as bob:
        chat = await bob.new_chat()
        await ordering.node.orders.enter_room(f"chat:{chat}", ["alice"])
        await ordering.node.server.emit("shown", {}, room=f"chat:{chat}")
        await eventually(lambda: client.of("shown"))
        await client.drop()
        await ordering.node.server.emit("hidden", {}, room=f"chat:{chat}")
        await client.open(ordering.url, token())
        await ordering.node.server.emit("end", {}, room="user:alice")
        await eventually(lambda: client.of("end"))
        assert client.of("hidden") == []


async def test_history_up_to_the_position_of_a_join_and_events_after_it_are_all_there_is_once(fleet: Fleet) -> None:
    async with (
        fleet.inside() as producing,
        fleet.inside() as node,
        listening(node.url, "admin", role="admin") as viewer,
        calling(producing.url) as api,
        calling(node.url, "admin", role="admin") as reader,
    ):
        chat = await api.new_chat()
        await producing.node.orders.enter_room(f"chat:{chat}", ["keeper"])

        async def produce() -> None:
            for number in range(200):
                await producing.node.server.emit("n", {"n": number}, room=f"chat:{chat}")

        producing_task = asyncio.create_task(produce())
        room = f"/api/v1/rooms/chat:{chat}/events"
        await eventually(lambda: producing.node.reader.length(f"chat:{chat}"))
        snapshot = (await reader.client.get(room, params={"limit": 1000})).json()
        join = {"chat_id": chat, "data": {"type": "join"}, "after": snapshot["next"]}
        assert await viewer.call("events:chat", join)
        await producing_task
        await eventually(lambda: viewer.of("n") and viewer.of("n")[-1]["n"] == 199)
        history = [event["data"]["n"] for event in snapshot["events"]]
        assert history + [event["n"] for event in viewer.of("n")] == list(range(200))
        positions = [Position.parse(arguments[-1]) for event, arguments in viewer.got if event == "n"]
        assert min(positions) > Position.parse(snapshot["next"])


async def test_disconnecting_a_session_by_python_socketios_own_api_ends_it_on_another_node(fleet: Fleet) -> None:
    async with fleet.inside() as here, fleet.inside() as there, people(Person()) as (alice,):
        await alice.at(there.url)
        await here.node.server.disconnect(alice.get_sid())
        await eventually(lambda: not alice.connected)
        assert not there.node.sessions.by_sid


async def test_a_session_that_is_away_while_its_user_is_disconnected_does_not_come_back(fleet: Fleet) -> None:
    async with fleet.inside() as here, fleet.inside() as there, people(Person()) as (alice,):
        await alice.at(there.url)
        await alice.vanish()
        await here.node.orders.disconnect_user("alice")
        await alice.at(there.url)
        assert not alice.recovered
