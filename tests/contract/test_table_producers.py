"""What producers call from Python (docs/contract.md §6): on one node, for pages that are on the other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.own_session import NotYourSession
from tests.contract.clients import listening
from tests.contract.test_chats import calling, two
from tests.support.nodes import Fleet, eventually, token

ROOM = "channel:x"


async def test_an_emitter_returns_positions_and_its_events_arrive_once_through_a_cut(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(other.url, "alice") as (api,), listening(other.url) as page:
        chat = await api.new_chat()
        info = {"user_id": "alice", "chat_id": chat, "message_id": "m1", "session_id": page.get_sid()}
        emitter = await one.node.producer.get_event_emitter(info)
        positions = [await emitter({"type": "message", "data": {"content": "a"}})]
        await eventually(lambda: page.contents == ["a"])
        await page.drop()
        positions.append(await emitter({"type": "message", "data": {"content": "b"}}))
        await page.open(other.url, token(), transports=["websocket"])
        assert page.recovered
        positions.append(await emitter({"type": "message", "data": {"content": "c"}}))
        await eventually(lambda: page.contents[2:] == ["c"])
        assert page.contents == ["a", "b", "c"]
        assert [str(position) for position in page.positions][-3:] == positions
        assert await emitter({"type": "typing", "data": {"typing": True}}) is None
        assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "abc"


async def test_nobody_emits_or_calls_through_another_users_session(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        info = {"user_id": "alice", "chat_id": "c", "message_id": "m1", "session_id": bob.get_sid()}
        with pytest.raises(NotYourSession, match="not yours"):
            await one.node.producer.get_event_emitter(info)
        caller = await one.node.producer.get_event_call(info)
        assert set(await caller({"type": "confirmation", "data": {}})) == {"error"}
        assert bob.of("events") == []
        emitter = await one.node.producer.get_event_emitter(info | {"session_id": "gone"})
        assert await emitter({"type": "message", "data": {"content": "a"}})


async def test_emit_to_users_reaches_each_of_them_once_through_a_cut(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, other),
        listening(other.url, "alice") as alice,
        listening(other.url, "bob") as bob,
        listening(other.url, "carol") as carol,
    ):
        users = ["alice", "bob", "alice"]
        first = await one.node.producer.emit_to_users("notice", {"n": 1}, users)
        await eventually(lambda: alice.of("notice") == bob.of("notice") == [{"n": 1}])
        await alice.drop()
        second = await one.node.producer.emit_to_users("notice", {"n": 2}, users)
        await alice.open(other.url, token("alice"), transports=["websocket"])
        assert alice.recovered
        await one.node.producer.emit_to_users("notice", {"n": 3}, [*users, "carol"])
        await eventually(lambda: carol.of("notice") and alice.of("notice")[2:] and bob.of("notice")[2:])
        for listener, name in ((alice, "alice"), (bob, "bob")):
            notices = [arguments for event, arguments in listener.got if event == "notice"]
            assert [body for body, _position in notices] == [{"n": 1}, {"n": 2}, {"n": 3}]
            assert [position for _body, position in notices[:2]] == [first[name], second[name]]
        assert carol.of("notice") == [{"n": 3}]


async def test_rooms_of_users_are_entered_listed_and_left_on_all_nodes(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(one.url) as near, listening(other.url) as far:
        producer = one.node.producer

        async def inside(*user_ids: str) -> None:
            for node in (one, other):

                async def listed(node: Any = node) -> bool:
                    return bool(await node.node.producer.get_user_ids_from_room(ROOM) == list(user_ids))

                await eventually(listed)

        await producer.enter_room_for_users(ROOM, ["alice", "nobody"])
        await one.node.emitter.publish(ROOM, "news", {"n": 1}, durable=True, once=None)
        await inside("alice")
        await producer.leave_room_for_users(ROOM, ["alice"])
        await one.node.emitter.publish(ROOM, "news", {"n": 2}, durable=True, once=None)
        await producer.emit_to_users("end", {}, ["alice"])
        await eventually(lambda: near.of("end") and far.of("end"))
        assert near.of("news") == far.of("news") == [{"n": 1}]
        await inside()
        assert await other.node.producer.get_user_ids_from_room("user:alice") == ["alice"]


async def test_a_disconnected_user_is_gone_from_all_nodes_and_begins_anew(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(one.url) as near, listening(other.url) as far:
        await one.node.producer.disconnect_user_sessions("alice")
        await eventually(lambda: not near.connected and not far.connected)

        async def gone() -> bool:
            return await other.node.producer.get_user_ids_from_room("user:alice") == []

        await eventually(gone)
        await far.open(other.url, token(), transports=["websocket"])
        assert not far.recovered


async def test_tasks_are_listed_and_stopped_from_the_other_node(fleet: Fleet) -> None:
    async with two(fleet) as (one, other):
        ended: list[str] = []

        async def work(name: str, until: asyncio.Event) -> None:
            try:
                await until.wait()
            finally:
                ended.append(name)

        finish, never = asyncio.Event(), asyncio.Event()
        first = await one.node.tasks.create_task(work("first", finish), "item")
        second = await one.node.tasks.create_task(work("second", never), "item")
        third = await one.node.tasks.create_task(work("third", never), "other item")
        there = other.node.tasks
        assert sorted(await there.list_tasks()) == sorted([first, second, third])
        assert sorted(await there.list_task_ids_by_item_id("item")) == sorted([first, second])
        assert await there.stop_task(second) == "stopped"
        assert ended == ["second"], "it has ended when the stop is answered"
        assert await there.stop_task(second) == "over"
        finish.set()

        async def left() -> bool:
            return await there.list_tasks() == [third]

        await eventually(left)
        assert await there.list_task_ids_by_item_id("item") == []
        assert await there.stop_task(first) == "over"
        assert await there.stop_task("unknown") == "over"
        assert await there.stop_task(third) == "stopped"
        assert await one.node.tasks.list_tasks() == []
