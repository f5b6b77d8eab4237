"""Orders to sessions that are away: they hold when the session comes back, on whichever node, without another word."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import LogUnavailable
from tests.contract.clients import Listener, listening
from tests.contract.test_chats import join, share, two
from tests.support.channels import ChannelApi
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token


async def back(client: Listener, node: LocalNode, user_id: str) -> None:
    """Come back by resume alone."""
    await client.open(node.url, token(user_id), transports=["websocket"])
    assert client.recovered


def posts(client: Listener) -> list[str]:
    """The contents of the channel messages that came."""
    return [b["data"]["data"]["content"] for b in client.of("events:channel") if b["data"]["type"] == "message"]


def resets(client: Listener) -> list[list[str]]:
    """The rooms that it was told to reload, each time."""
    return [body["rooms"] for body in client.of("room:reset")]


async def ends(client: Listener, node: LocalNode, user_id: str) -> None:
    """Wait until everything up to now has come."""
    count = len(client.of("end"))
    await node.node.producer.emit_to_users("end", {}, [user_id])
    await eventually(lambda: len(client.of("end")) > count)


@pytest.mark.parametrize("how", ["cut", "killed"])
async def test_who_is_added_to_a_channel_while_away_is_in_it_by_resume_alone(fleet: Fleet, how: str) -> None:
    async with two(fleet) as (one, other), listening(one.url, "bob") as bob:
        api = ChannelApi(one.url, "alice")
        if how == "killed":
            node = await fleet.node()
            await bob.drop()
            await back(bob, LocalNode(one.node, node.port), "bob")
            node.kill()
        else:
            await bob.drop()
        channel = await api.create()
        await api.say(channel, "before")
        await api.send("POST", f"/{channel}/update/members/add", {"user_ids": ["bob"]})
        await api.say(channel, "since")
        await eventually(lambda: not bob.connected)
        await back(bob, other, "bob")
        await eventually(lambda: posts(bob) == ["since"])
        await api.say(channel, "live")
        await eventually(lambda: posts(bob) == ["since", "live"])
        await bob.drop()
        await api.say(channel, "missed")
        await back(bob, one, "bob")
        await eventually(lambda: posts(bob) == ["since", "live", "missed"])
        await api.aclose()


async def test_who_is_removed_from_a_channel_while_away_gets_nothing_more_of_it(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        api = ChannelApi(one.url, "alice")
        channel = await api.create("bob")
        await api.say(channel, "one")
        await eventually(lambda: posts(bob) == ["one"])
        await bob.drop()
        await api.say(channel, "for members")
        await api.send("POST", f"/{channel}/update/members/remove", {"user_ids": ["bob"]})
        await api.say(channel, "secret")
        await back(bob, other, "bob")
        await ends(bob, one, "bob")
        assert posts(bob) == ["one"]
        assert resets(bob) == [[f"channel:{channel}"]]
        await bob.drop()
        await api.send("POST", f"/{channel}/update/members/add", {"user_ids": ["bob"]})
        await api.say(channel, "since")
        await back(bob, one, "bob")
        await ends(bob, other, "bob")
        assert posts(bob) == ["one", "since"]
        assert len(resets(bob)) == 1, "it had been out of the room before"
        await api.aclose()


async def test_who_was_removed_and_added_again_while_away_is_told_to_reload_the_room(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        api = ChannelApi(one.url, "alice")
        channel, quiet = await api.create("bob"), await api.create("bob")
        await api.say(channel, "one")
        await eventually(lambda: posts(bob) == ["one"])
        await bob.drop()
        await api.say(channel, "for members")
        await api.send("POST", f"/{channel}/update/members/remove", {"user_ids": ["bob"]})
        await api.say(channel, "not for bob")
        await api.send("POST", f"/{channel}/update/members/add", {"user_ids": ["bob"]})
        await api.say(channel, "since")
        await api.say(quiet, "elsewhere")
        await back(bob, one, "bob")
        await eventually(lambda: posts(bob) == ["one", "since", "elsewhere"])
        assert resets(bob) == [[f"channel:{channel}"]]
        await bob.drop()
        await api.say(channel, "missed")
        await back(bob, other, "bob")
        await eventually(lambda: posts(bob)[-1] == "missed")
        assert len(resets(bob)) == 1
        await api.aclose()


async def test_forbidden_time_is_not_replayed_though_the_node_that_took_access_away_died_over_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        alice = Api(one.url, "alice")
        chat = await alice.new_chat()
        await share(alice, chat, bob="read")
        assert await join(bob, chat)
        await bob.drop()

        async def died(*_: Any) -> None:
            raise LogUnavailable("the rest of this process does not happen")

        with monkeypatch.context() as failing:
            failing.setattr(one.node.orders, "left", died)
            answer = await alice.client.post(f"/api/v1/chats/{chat}/access", json={"grants": []})
            assert answer.status_code == 503
        await one.node.server.emit("n", "secret", room=f"chat:{chat}")
        await share(alice, chat, bob="read")
        await back(bob, other, "bob")
        await ends(bob, one, "bob")
        assert bob.of("n") == []
        assert resets(bob) == [[f"chat:{chat}"]]
        assert await join(bob, chat)
        await one.node.server.emit("n", "for all", room=f"chat:{chat}")
        await eventually(lambda: bob.of("n") == ["for all"])
        await alice.aclose()


async def test_a_producers_rooms_hold_for_sessions_that_are_away_though_the_user_may_read_them(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        alice = Api(one.url, "alice")
        chat = await alice.new_chat()
        await share(alice, chat, bob="read")
        room, producer = f"chat:{chat}", one.node.producer
        assert await join(bob, chat)
        await bob.drop()
        await producer.leave_room_for_users(room, ["bob"])
        await one.node.server.emit("n", 1, room=room)
        await back(bob, other, "bob")
        await ends(bob, one, "bob")
        assert bob.of("n") == []
        await bob.drop()
        await producer.enter_room_for_users(room, ["bob"])
        await one.node.server.emit("n", 2, room=room)
        await back(bob, one, "bob")
        await eventually(lambda: bob.of("n") == [2])
        assert await bob.call("events:chat", {"chat_id": chat, "data": {"type": "leave"}}) is True
        await bob.drop()
        await one.node.server.emit("n", 3, room=room)
        await back(bob, other, "bob")
        await ends(bob, one, "bob")
        assert bob.of("n") == [2], "an old order does not bring it back into what it left by itself"
        await alice.aclose()


async def test_moves_of_one_session_that_is_away_by_python_socketios_own_api(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob, listening(other.url, "bob") as tab:
        alice = Api(one.url, "alice")
        chat = await alice.new_chat()
        await share(alice, chat, bob="read")
        sid = bob.get_sid()
        await bob.drop()
        await one.node.server.enter_room(sid, f"chat:{chat}")
        await one.node.server.emit("n", 1, room=f"chat:{chat}")
        await back(bob, one, "bob")
        await eventually(lambda: bob.of("n") == [1])
        await ends(tab, one, "bob")
        assert tab.of("n") == []
        await alice.aclose()


async def test_disconnecting_a_session_by_its_sid_reaches_it_while_it_is_away(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url) as ended, listening(other.url) as tab:
        sid = ended.get_sid()
        for client in (ended, tab):
            await client.drop()
        await one.node.server.disconnect(sid)
        await back(tab, other, "alice")
        await ended.open(other.url, token("alice"), transports=["websocket"])
        assert not ended.recovered
        assert ended.get_sid() != sid


async def test_a_resume_authorises_each_of_50_rooms_once_and_many_at_a_time(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        api = ChannelApi(one.url, "alice")
        channels = [await api.create("bob", name=f"channel {number}") for number in range(50)]
        await bob.drop()
        access = other.node.access
        asked: list[str] = []
        under_way = most = 0
        ask = access.may_read

        async def counted(identity: Any, room: str) -> bool:
            nonlocal under_way, most
            asked.append(room)
            under_way += 1
            most = max(most, under_way)
            try:
                return await ask(identity, room)
            finally:
                under_way -= 1

        monkeypatch.setattr(access, "may_read", counted)
        await back(bob, other, "bob")
        assert sorted(asked) == sorted(["user:bob", *(f"channel:{channel}" for channel in channels)])
        assert most >= 10, "one after the other each would cost a round trip"
        await api.aclose()
