"""Client events of a wrong shape, or for rooms that are not one's own."""

from __future__ import annotations

import orjson
import pytest

from streams.keys import Keys
from tests.contract.clients import calling, listening, raw_session, undisturbed
from tests.support.nodes import Fleet, eventually
from tests.support.valkey import ValkeyServer

BAD_EVENTS = [
    ["events:chat"],
    ["events:chat", None],
    ["events:chat", "text"],
    ["events:chat", 7],
    ["events:chat", []],
    ["events:chat", {}],
    ["events:chat", {"chat_id": "x"}],
    ["events:chat", {"chat_id": "", "data": {"type": "join"}}],
    ["events:chat", {"chat_id": 7, "data": {"type": "join"}}],
    ["events:chat", {"chat_id": None, "data": {"type": "join"}}],
    ["events:chat", {"chat_id": "x" * 300, "data": {"type": "join"}}],
    ["events:chat", {"chat_id": "a\0b", "data": {"type": "join"}}],
    ["events:chat", {"chat_id": "x", "data": "join"}],
    ["events:chat", {"chat_id": "x", "data": {"type": "no such type"}}],
    ["events:chat", {"chat_id": "x", "data": {"type": ["join"]}}],
    ["events:chat", {"chat_id": "x", "data": {"type": "join"}, "after": 7}],
    ["events:chat", {"chat_id": "x", "data": {"type": "typing"}}],
    ["user-join", "text"],
    ["user-join", {"auth": "text"}],
    ["user-join", {"auth": {"token": 7}}],
    ["user-join", {"auth": {"token": "bad"}}],
    ["usage", {"model": 7}],
    ["usage", None],
]


@pytest.mark.parametrize("event", BAD_EVENTS, ids=lambda event: orjson.dumps(event).decode()[:60])
async def test_a_payload_of_a_wrong_shape_is_refused_and_the_session_lives_on(
    fleet: Fleet, valkey: ValkeyServer, event: list[object]
) -> None:
    async with fleet.inside() as node, listening(node.url) as other, raw_session(node.url) as socket:
        await socket.send(f"427{orjson.dumps(event).decode()}")
        frames = {await socket.until("4"), await socket.until("4")}
        assert any(frame.startswith('42["error",{"message":"') for frame in frames)
        assert "437[false]" in frames
        await socket.alive()
        assert other.got == []
        with valkey.client() as redis:
            assert redis.hkeys(Keys(fleet.key_prefix).heads) == []


async def test_another_users_chat_and_one_that_is_not_there_are_answered_alike(fleet: Fleet) -> None:
    async with (
        fleet.inside() as node,
        listening(node.url) as owner,
        listening(node.url, "mallory") as mallory,
        calling(node.url) as alice,
        calling(node.url, "mallory") as api,
    ):
        chat = await alice.new_chat()
        answers: list[object] = []
        for name in (chat, "0" * len(chat)):
            joined = await mallory.call("events:chat", {"chat_id": name, "data": {"type": "join"}})
            typed = await mallory.call(
                "events:chat", {"chat_id": name, "data": {"type": "typing", "data": {"typing": True}}}
            )
            found = [
                await api.client.get(f"/api/v1/chats/{name}"),
                await api.client.post(f"/api/v1/chats/{name}/messages/m/event", json={"type": "message", "data": {}}),
                await api.client.post(f"/api/v1/chats/{name}/messages/m", json={"content": "x"}),
                await api.client.get(f"/api/v1/rooms/chat:{name}/events"),
                await api.client.get(f"/api/v1/rooms/chat:{name}/events/stream"),
                await api.client.get(f"/api/v1/rooms/chat:{name}/events", params={"after": "1-0"}),
            ]
            assert [answer.status_code for answer in found] == [404] * 6
            errors = [error["message"].replace(name, "…") for error in mallory.of("error")]
            answers.append([joined, typed, errors, [answer.text.replace(name, "…") for answer in found]])
            mallory.got.clear()
        assert answers[0] == answers[1]

        async def probe() -> None:
            await alice.emit(chat, "message", {"content": "still mine"})

        await undisturbed(owner, probe)
        assert mallory.of("events") == []
        assert (await api.client.get("/api/v1/rooms/user:alice/events")).status_code == 404


async def test_after_10000_joins_a_session_is_in_as_many_rooms_as_it_may_be_and_lives_on(
    fleet: Fleet, valkey: ValkeyServer
) -> None:
    rooms, asked = 50, 10_000
    keys = Keys(fleet.key_prefix)
    with valkey.client() as redis:
        owned = redis.pipeline(transaction=False)
        for number in range(asked):
            owned.set(keys.owner(f"c{number}"), "mallory")
        owned.execute()
    async with (
        fleet.inside(session_rooms=rooms, send_queue_packets=50_000) as node,
        listening(node.url) as other,
        raw_session(node.url) as socket,
        calling(node.url) as api,
    ):
        packet = '42{number}["events:chat",{{"chat_id":"c{number}","data":{{"type":"join"}}}}]'
        await socket.send(*(packet.format(number=number) for number in range(asked)))
        true = false = errors = 0
        while true + false < asked:
            frame = await socket.frame()
            true += frame.endswith("[true]")
            false += frame.endswith("[false]")
            errors += '"error"' in frame
        assert (true, false, errors) == (rooms - 1, asked - rooms + 1, asked - rooms + 1)  # one is the user's own
        await socket.alive()
        (session,) = node.node.sessions.by_user["mallory"]
        assert len(session.feed.rooms) == rooms

        async def probe() -> None:
            await api.new_chat()

        await undisturbed(other, probe)


async def test_a_position_from_the_future_at_a_join_hides_nothing(fleet: Fleet) -> None:
    async with fleet.inside() as node, listening(node.url, "admin", role="admin") as viewer, calling(node.url) as api:
        chat = await api.new_chat()
        future = {"chat_id": chat, "data": {"type": "join"}, "after": "18446744073709551615-18446744073709551615"}
        assert await viewer.call("events:chat", future)
        await api.emit(chat, "message", {"content": "now"})
        await eventually(lambda: viewer.contents == ["now"])


@pytest.mark.parametrize("after", ["garbage", "1-2-3", "-1"])
async def test_a_garbage_position_at_a_join_is_refused(fleet: Fleet, after: str) -> None:
    async with fleet.inside() as node, listening(node.url) as owner, calling(node.url) as api:
        chat = await api.new_chat()
        event = {"chat_id": chat, "data": {"type": "join"}, "after": after}
        assert await owner.call("events:chat", event) is False
        await eventually(lambda: owner.of("error"))
        assert owner.connected
