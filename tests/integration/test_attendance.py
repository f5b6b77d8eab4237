"""Who counts as connected and present: refreshed by the nodes, and told by one clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.session import Session
from registry.pool import Pool, Pooled
from registry.present import Presence, Present
from streams.link import Link
from tests.contract.clients import calling
from tests.contract.test_chats import share
from tests.support.nodes import Fleet, LocalNode, eventually
from tests.support.people import Person, people

FAR_S = 3600


class Held:
    """Lets a call begin only when it is told to. reached: somebody called it."""

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        self._call = call
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, *args: Any) -> Any:
        self.reached.set()
        await self.go_on.wait()
        return await self._call(*args)


def session_of(node: LocalNode, person: Person) -> Session:
    return node.node.sessions.by_sid[person.get_sid()]


async def test_a_session_that_ends_while_it_is_refreshed_stays_ended(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fleet.inside() as one, people(Person("alice")) as (alice,):
        await alice.at(one.url)
        sid = alice.get_sid()
        held = Held(one.node.pool.keep)
        monkeypatch.setattr(one.node.pool, "keep", held)
        refreshing = asyncio.create_task(one.node.sessions.refresh())
        await held.reached.wait()
        await alice.disconnect()
        await eventually(lambda: _is_gone(one, sid))
        held.go_on.set()
        await refreshing
        assert await _is_gone(one, sid)


async def _is_gone(node: LocalNode, sid: str) -> bool:
    return await node.node.pool.find(sid) is None and await node.node.pool.user_count() == 0


async def test_a_viewer_who_loses_access_during_a_refresh_is_not_brought_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fleet.inside() as one, people(Person("alice"), Person("bob")) as (alice, bob), calling(one.url) as api:
        chat = await api.new_chat()
        await share(api, chat, bob="read")
        for person in (alice, bob):
            await person.at(one.url)
            assert await person.chat(chat, "join")
        await alice.sees("alice", "bob")
        held = Held(one.node.presence.keep_rooms)
        monkeypatch.setattr(one.node.presence, "keep_rooms", held)
        refreshing = asyncio.create_task(one.node.sessions.refresh())
        await held.reached.wait()
        await share(api, chat)
        await alice.sees("alice")
        held.go_on.set()
        await refreshing
        assert await one.node.producer.get_user_ids_from_room(f"chat:{chat}") == ["alice"]
        assert alice.present() == {"alice"}


async def test_who_is_here_is_noted_again_when_its_entries_were_lost(fleet: Fleet) -> None:
    async with fleet.inside() as one, people(Person("alice")) as (alice,), calling(one.url) as api:
        chat = await api.new_chat()
        await alice.at(one.url)
        assert await alice.chat(chat, "join")
        await alice.sees("alice")
        client, keys = one.node.link.client(connections=1), one.node.link.keys
        await client.delete(
            keys.pool(alice.get_sid()), keys.sessions_of("alice"), keys.users, keys.present(f"chat:{chat}")
        )
        told = len(alice.of("chat:presence"))
        await one.node.sessions.refresh()
        found = await one.node.pool.find(alice.get_sid())
        assert found is not None
        assert found.connection == session_of(one, alice).connection
        assert await one.node.pool.user_count() == 1
        assert await one.node.presence.users(f"chat:{chat}") == {"alice": "Alice"}
        await eventually(lambda: len(alice.of("chat:presence")) > told)


async def test_keeping_creates_nothing_and_takes_nothing_from_a_newer_connection(link: Link) -> None:
    client = link.client(connections=2)
    pool = Pool(link.keys, client, 30)
    old, new = Pooled("s", "alice", "one/1"), Pooled("s", "alice", "two/1")
    assert await pool.keep([old]) == {"s"}
    assert await pool.user_count() == 0
    await pool.enter(new)
    await pool.enter_again(old)
    assert await pool.keep([old]) == set()
    assert await client.hget(link.keys.pool("s"), "connection") == b"two/1"
    await pool.leave(old)
    assert await pool.is_connected("alice")
    await pool.leave(new)
    assert not await pool.is_connected("alice")


async def test_nodes_whose_clocks_differ_find_each_others_sessions_and_wait_for_each_other(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = await fleet.node()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - FAR_S)
    async with fleet.inside() as late, people(Person("alice"), Person("bob")) as (alice, bob):
        await alice.at(right.url)
        await bob.at(late.url)
        bob.answers["confirmation"] = alice.answers["confirmation"] = True
        assert len(await late.node.nodes.alive()) == 2
        assert await late.node.pool.user_count() == 2
        assert await late.node.pool.newest_of("alice") is not None
        await alice.emit("usage", {"model": "fish"})
        await bob.emit("usage", {"model": "bird"})
        await eventually(lambda: _in_use(late, ["bird", "fish"]))
        call = await late.node.producer.get_event_call(
            {"user_id": "alice", "session_id": alice.get_sid(), "chat_id": "c", "message_id": "m"}
        )
        assert await call({"type": "confirmation", "data": {}}) is True
        room = "channel:both"
        await late.node.producer.enter_room_for_users(room, ["alice", "bob"])
        assert await late.node.producer.get_user_ids_from_room(room) == ["alice", "bob"]
        monkeypatch.setattr(time, "time", lambda: real() + FAR_S)
        await late.node.sessions.refresh()
        assert len(await late.node.nodes.alive()) == 2
        assert await late.node.presence.users(room) == {"alice": "Alice", "bob": "Bob"}
        assert await late.node.pool.is_connected("alice")


async def _in_use(node: LocalNode, models: list[str]) -> bool:
    return await node.node.usage.models() == models


async def test_of_presence_kept_only_those_that_are_noted_live_on(link: Link) -> None:
    presence = Presence(link.keys, link.client(connections=2), 30)
    here, left = Present("one/1", "alice", "Alice"), Present("one/2", "bob", "Bob")
    await presence.enter("chat:c", here, None)
    assert await presence.keep("chat:c", [here, left], None) == {left.member}
    assert await presence.users("chat:c") == {"alice": "Alice"}


async def test_of_many_rooms_only_those_in_which_something_changed_are_left_to_do(link: Link) -> None:
    client = link.client(connections=2)
    presence = Presence(link.keys, client, 30)
    here, left, dead = (Present(f"one/{n}", f"u{n}", "User") for n in range(3))
    for room in ("chat:same", "chat:left", "chat:dead"):
        await presence.enter(room, here, None)
    await client.zadd(link.keys.present("chat:dead"), {dead.member: 1})
    before = await client.zscore(link.keys.present("chat:same"), here.member)
    await client.zadd(link.keys.present("chat:same"), {here.member: before - 20_000})
    rooms = {"chat:same": [here], "chat:left": [here, left], "chat:dead": [here], "chat:none": [left]}
    assert await presence.keep_rooms(rooms) == ["chat:left", "chat:dead", "chat:none"]
    assert await client.zscore(link.keys.present("chat:same"), here.member) >= before
    assert await presence.users("chat:left") == {"u0": "User"}
    assert not await client.exists(link.keys.present("chat:none"))
