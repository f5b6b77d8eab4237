"""Malformed packets on a real connection: an answer for the sender, nothing for anybody else, nothing stored."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from streams.keys import Keys
from tests.contract.clients import RawSocket, calling, listening, raw, raw_session, undisturbed
from tests.support.nodes import Fleet, LocalNode, token
from tests.support.valkey import ValkeyServer


@asynccontextmanager
async def harmless(fleet: Fleet, valkey: ValkeyServer, **settings: int) -> AsyncIterator[LocalNode]:
    """A node on which whatever the test does is noticed by no other user and stores nothing."""
    keys = Keys(fleet.key_prefix)
    async with fleet.inside(**settings) as node, listening(node.url) as other, calling(node.url) as api:
        yield node
        with valkey.client() as redis:
            rooms = redis.hkeys(keys.heads)
        assert rooms == []
        assert other.got == []

        async def probe() -> None:
            await api.new_chat()

        await undisturbed(other, probe)


ANSWERED: dict[str, str | bytes] = {
    "event that is no JSON": "42[",
    "event that is no array": '42{"a":1}',
    "event without a name": "42[]",
    "event whose name is a number": "42[7]",
    "event whose name is null": "42[null]",
    "event without data": "42",
    "event in binary where text is due": b"42hello",
    "unknown packet type": "47",
    "packet type that is no digit": "4x",
    "empty message": "4",
    "connect error from a client": '44{"message":"x"}',
    "acknowledgement that is no JSON": "431[",
    "attachments that nobody can send": '45999999999999-["e",{"_placeholder":true,"num":0}]',
    "more attachments than are taken": '45100000-["e",{"_placeholder":true,"num":0}]',
    "id of 200 digits": "42" + "1" * 200 + '["e"]',
    "nested too deep": '42["events:chat",' + "[" * 100_000 + "]" * 100_000 + "]",
    "invalid unicode escape": '42["\\ud800"]',
    "unknown event": '42["no such event",{}]',
    "event name of 1 MB": '42["' + "x" * 1_000_000 + '"]',
    "reserved name connect": '42["connect"]',
    "reserved name disconnect": '42["disconnect"]',
    "reserved name *": '42["*"]',
    "reserved name __disconnect_final": '42["__disconnect_final"]',
    "event of another namespace": '42/admin,["events:chat",{}]',
}


@pytest.mark.parametrize("case", ANSWERED)
async def test_a_malformed_packet_is_answered_with_an_error_and_the_session_lives_on(
    fleet: Fleet, valkey: ValkeyServer, case: str
) -> None:
    async with harmless(fleet, valkey) as node, raw_session(node.url) as socket:
        await socket.send(ANSWERED[case])
        message = await socket.error()
        assert 0 < len(message) < 500
        await socket.alive()


async def test_a_catch_all_name_cannot_speak_to_another_session(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, raw_session(node.url) as socket:
        (other,) = (s.sid for s in node.node.sessions.by_sid.values() if s.user_id == "alice")
        await socket.send(f'42["*","{other}"]')
        assert await socket.error()
        await socket.alive()


async def test_attachments_that_never_come_end_with_the_next_text_packet(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, raw_session(node.url) as socket:
        await socket.send('452-["events:chat",{"_placeholder":true,"num":0}]', b"one")
        await socket.send('42["events:chat",{}]')
        assert await socket.error()
        await socket.alive()


async def test_an_attachment_number_that_is_not_there_is_an_error(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, raw_session(node.url) as socket:
        await socket.send('451-["events:chat",{"_placeholder":true,"num":5}]', b"one")
        assert await socket.error()
        await socket.alive()


async def test_attachments_that_never_come_are_forgotten_with_the_connection(fleet: Fleet) -> None:
    async with fleet.inside() as node:
        async with raw_session(node.url) as socket:
            await socket.send('452-["e",{"_placeholder":true,"num":0}]', b"one")
            await asyncio.sleep(0)
        async with raw_session(node.url) as socket:
            await socket.alive()
        assert not [s for s in node.node.server._binary_packet if s not in node.node.server.by_connection]


async def test_events_before_connect_reach_nobody_and_connect_still_works(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, raw(node.url) as socket:
        await socket.send('42["user-join",{}]', '421["events:chat",{"chat_id":"x","data":{"type":"join"}}]', "4x", "41")
        await socket.send('451-["e",{"_placeholder":true,"num":0}]', b"one")
        assert "sid" in await socket.connect({"token": token("mallory")})
        await socket.alive()


async def test_a_second_connect_is_refused_and_the_first_session_lives_on(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, raw_session(node.url) as socket:
        assert "already" in (await socket.connect({"token": token("alice")}))["message"]
        await socket.alive()
        assert len(node.node.sessions.by_user["alice"]) == 1


@pytest.mark.parametrize("namespace", ["/admin", "/" + "x" * 10_000, "/a?b=c"])
async def test_another_namespace_is_refused_and_the_session_lives_on(
    fleet: Fleet, valkey: ValkeyServer, namespace: str
) -> None:
    async with harmless(fleet, valkey) as node, raw_session(node.url) as socket:
        await socket.send(f'40{namespace},{{"token":"{token()}"}}')
        assert '"message"' in await socket.until("44/")
        await socket.alive()


ENGINE_FRAMES = ["", "x", "9", "7hello", "²", "b!!!", "0{}", "6", "5"]


@pytest.mark.parametrize("frame", ENGINE_FRAMES, ids=repr)
async def test_a_malformed_engine_frame_ends_at_most_its_own_connection(
    fleet: Fleet, valkey: ValkeyServer, frame: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with harmless(fleet, valkey) as node:
        async with raw_session(node.url) as socket:
            await socket.send(frame)
            await _alive_or_closed(socket)
        async with raw_session(node.url) as socket:
            await socket.alive()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _alive_or_closed(socket: RawSocket) -> None:
    with contextlib.suppress(ConnectionClosed):
        await socket.alive()


async def test_20_mb_over_websocket_closes_that_connection_only(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node:
        async with raw_session(node.url) as socket:
            with contextlib.suppress(ConnectionClosed):
                await socket.send('42["events:chat",{"chat_id":"' + "x" * 20_000_000 + '"}]')
            assert await socket.closed() == 1009  # message too big
        async with raw_session(node.url) as socket:
            await socket.alive()


async def test_a_smaller_message_limit_holds_over_websocket_too(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey, max_message_bytes=100_000) as node, raw_session(node.url) as socket:
        await socket.send('42["events:chat",{"chat_id":"' + "x" * 200_000 + '"}]')
        assert await socket.closed() == 1009


class Polling:
    """Engine.IO over HTTP long polling, by hand."""

    def __init__(self, node: LocalNode) -> None:
        self._client = httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=20)
        self._where = {"EIO": "4", "transport": "polling"}

    async def __aenter__(self) -> Polling:
        opened = (await self.get()).text
        self._where["sid"] = opened.split('"sid":"')[1].split('"')[0]
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self._client.aclose()

    async def get(self) -> httpx.Response:
        return await self._client.get("/ws/socket.io/", params=self._where)

    async def post(self, body: str) -> httpx.Response:
        return await self._client.post("/ws/socket.io/", params=self._where, content=body)

    async def until(self, part: str) -> str:
        """Poll until an answer holds a text; pings are answered."""
        while True:
            text = (await self.get()).text
            if text == "2":
                await self.post("3")
            if part in text:
                return text


async def test_20_mb_by_polling_is_refused_and_closes_that_connection_only(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, Polling(node) as poll:
        await poll.post(f'40{{"token":"{token("mallory")}"}}')
        await poll.until('"sid"')
        answer = await poll.post('42["events:chat","' + "x" * 20_000_000 + '"]')
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"


async def test_50_packets_in_one_polling_request_are_all_taken(fleet: Fleet, valkey: ValkeyServer) -> None:
    async with harmless(fleet, valkey) as node, Polling(node) as poll:
        await poll.post(f'40{{"token":"{token("mallory")}"}}')
        await poll.until('"sid"')
        packets = [f'42{number}["user-join",{{}}]' for number in range(50)]
        assert (await poll.post("\x1e".join(packets))).status_code == 200
        text = ""
        while "4349[" not in text:
            text += (await poll.get()).text
        assert all(f"43{number}[" in text for number in range(50))


@pytest.mark.parametrize("body", ["x", "\x1e\x1e", "9", "2", "b!!!", "bA", "d=", "²"])
async def test_a_malformed_polling_body_is_answered_400_and_the_session_lives_on(
    fleet: Fleet, valkey: ValkeyServer, body: str
) -> None:
    async with harmless(fleet, valkey) as node, Polling(node) as poll:
        await poll.post(f'40{{"token":"{token("mallory")}"}}')
        await poll.until('"sid"')
        answer = await poll.post(body)
        assert answer.status_code == 400
        assert answer.json()["code"] == "bad_request"
        await poll.post('427["user-join",{}]')
        await poll.until("437[")
