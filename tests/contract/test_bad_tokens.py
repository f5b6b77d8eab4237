"""Who may connect, and as whom: every other token, position or session id gets a clear answer and nothing else."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from tests.contract.clients import Listener, calling, listening, raw, undisturbed
from tests.support.channels import ChannelApi
from tests.support.nodes import SECRET, Fleet, eventually, token


def _unsigned() -> str:
    return jwt.encode({"id": "alice"}, "", algorithm="none")


BAD_TOKENS = {
    "none": (None, "required"),
    "empty": ("", "required"),
    "not text": ({"a": 1}, "required"),
    "not a JWT": ("abc", "not valid"),
    "expired": (token(exp=int(time.time()) - 60), "expired"),
    "wrong key": (jwt.encode({"id": "alice"}, "x" * 40, algorithm="HS256"), "not valid"),
    "alg none": (_unsigned(), "not valid"),
    "another algorithm": (jwt.encode({"id": "alice"}, SECRET * 3, algorithm="HS512"), "not valid"),
    "no id": (token(id=None), "no user"),
    "id of another type": (token(id=7), "no user"),
    "id with a control character": (token("a\nb"), "no user"),
    "exp of another type": (token(exp={}), "not valid"),
    "iat of another type": (token(iat=[]), "not valid"),
    "unknown role": (token(role="root"), "role"),
}


@pytest.mark.parametrize("case", BAD_TOKENS)
async def test_a_bad_token_is_refused_with_a_reason_over_socket_and_http(fleet: Fleet, case: str) -> None:
    given, reason = BAD_TOKENS[case]
    async with fleet.inside() as node, listening(node.url) as other:
        async with raw(node.url) as socket:
            assert reason in (await socket.connect({"token": given}))["message"]
            assert "sid" in await socket.connect({"token": token()})  # the connection lives on
        if isinstance(given, str) and given:
            async with calling(node.url) as api:
                answer = await api.client.get("/api/v1/chats/x", headers={"Authorization": f"Bearer {given}"})
                assert answer.status_code == 401
                assert answer.json()["code"] == "unauthorized"
                assert reason in answer.json()["detail"]

                async def probe() -> None:
                    await api.new_chat()

                await undisturbed(other, probe)


@pytest.mark.parametrize("auth", [None, [], "token", 7, {"token": None}])
async def test_a_connect_packet_of_another_shape_is_refused_with_a_reason(fleet: Fleet, auth: Any) -> None:
    async with fleet.inside() as node, raw(node.url) as socket:
        assert (await socket.connect(auth))["message"]
        assert "sid" in await socket.connect({"token": token()})


async def test_another_users_session_id_begins_a_new_session_and_leaves_the_owners_alone(fleet: Fleet) -> None:
    async with fleet.inside() as node, listening(node.url) as owner, Listener() as thief, calling(node.url) as api:
        thief.pid = owner.pid
        await thief.open(node.url, token("mallory"))
        assert not thief.recovered
        await eventually(lambda: thief.of("room:reset"))
        assert thief.of("room:reset")[0]["rooms"] == ["user:mallory"]

        async def probe() -> None:
            await api.new_chat()

        await undisturbed(owner, probe)
        assert thief.of("events") == []
        await owner.drop()
        await owner.open(node.url, token())
        assert owner.recovered


BAD_OFFSETS = [
    "99999999999999-0",
    "18446744073709551615-18446744073709551615",
    "18446744073709551616-0",
    "-1-0",
    "1763700000000",
    "abc",
    "1-2-3",
    " 1-0",
    "٣-٣",
    7,
    {},
    ["1-0"],
    True,
]


@pytest.mark.parametrize("offset", BAD_OFFSETS, ids=repr)
async def test_a_position_that_nobody_gave_out_is_not_recovered(fleet: Fleet, offset: Any) -> None:
    async with fleet.inside() as node, listening(node.url, "bystander") as bystander:
        async with raw(node.url) as socket:
            first = await socket.connect({"token": token()})
        async with raw(node.url) as socket:
            again = await socket.connect({"token": token(), "pid": first["pid"], "offset": offset})
            assert again["pid"] != first["pid"]
            assert '"rooms":["user:alice"]' in await socket.until('42["room:reset"')
            await socket.alive()
        assert bystander.got == []


@pytest.mark.parametrize("pid", ["unknown", "", "x" * 100_000, 7, {}, ["a"], "a\nb", "{0}:log"])
async def test_a_session_id_that_nobody_gave_out_begins_a_new_session(fleet: Fleet, pid: Any) -> None:
    async with fleet.inside() as node, raw(node.url) as socket:
        answer = await socket.connect({"token": token(), "pid": pid, "offset": "1-1"})
        assert answer["pid"] != pid
        await socket.alive()


async def test_always_connect_lets_a_bad_token_in_and_gives_it_nothing(fleet: Fleet) -> None:
    async with fleet.inside(always_connect=True) as node, listening(node.url) as other, raw(node.url) as socket:
        answer = await socket.connect({"token": "bad"})
        assert "sid" in answer
        assert "pid" not in answer
        for packet in (
            '["events:chat",{"chat_id":"x","data":{"type":"join"}}]',
            '["no such event"]',
            '["heartbeat",{}]',
        ):
            await socket.send(f"42{packet}")
            assert await socket.error() == "connected without a good token: send user-join with one first"
            assert await socket.ask(packet) is False
        for join in ('["user-join"]', '["user-join",{"auth":{"token":"bad"}}]', '["user-join",{"auth":7}]'):
            assert await socket.ask(join) is False
        assert len(node.node.sessions.by_sid) == 1

        async def probe() -> None:
            async with calling(node.url) as api:
                await api.new_chat()

        await undisturbed(other, probe)


async def test_always_connect_lifts_a_socket_into_a_session_by_a_later_user_join(fleet: Fleet) -> None:
    async with (
        fleet.inside(always_connect=True) as node,
        fleet.inside() as other,
        Listener() as page,
        calling(other.url) as api,
    ):
        channels = ChannelApi(other.url, "bob")
        channel = await channels.create("alice")
        await page.open(node.url, "bad", transports=["websocket"])
        sid = page.get_sid()
        await api.new_chat()
        assert await page.call("user-join", {"auth": {"token": token()}}) == {"id": "alice", "name": "Alice"}
        chat = await api.new_chat()
        await api.emit(chat, "message", {"content": "hello"})
        await channels.say(channel, "hi")
        await eventually(lambda: page.contents == ["hello"] and page.of("events:channel"))
        assert [arguments[1:] for _event, arguments in page.got] == [()] * len(page.got), "no positions: no resume"
        assert await page.call("user-join", {"auth": {"token": token("mallory")}}) is False, "it has its user"
        await other.node.orders.move_session(sid or "", f"chat:{chat}", into=True)
        assert f"chat:{chat}" in node.node.sessions.by_sid[sid or ""].feed.rooms, "it is a session as any other"
        await page.drop()
        await eventually(lambda: not node.node.sessions.by_sid)
        await page.open(node.url, token(), transports=["websocket"])
        assert (page.recovered, page.pid is None) == (False, False), "with a good token at CONNECT it can be resumed"
        await other.node.orders.disconnect_user("alice")
        await eventually(lambda: not page.connected)
        await channels.aclose()


async def test_a_lifted_session_is_disconnected_as_any_other(fleet: Fleet) -> None:
    async with fleet.inside(always_connect=True) as node, Listener() as page:
        await page.open(node.url, "bad", transports=["websocket"])
        assert await page.call("user-join", {"auth": {"token": token()}})
        await node.node.orders.disconnect_user("alice")
        await eventually(lambda: not page.connected)
        assert not node.node.sessions.by_sid
        assert not node.node.server.by_connection
