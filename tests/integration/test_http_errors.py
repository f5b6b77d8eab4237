"""HTTP requests that cannot be served: `{detail, code, retryable}`, and nothing stored."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import pytest

from streams.keys import Keys
from tests.contract.clients import calling, listening
from tests.support.nodes import Fleet, eventually
from tests.support.valkey import ValkeyServer

DEEP = '{"type":"message","data":' + '{"a":' * 400 + "1" + "}" * 400 + "}"
BOTTOMLESS = '{"type":"message","data":' + "[" * 100_000 + "]" * 100_000 + "}"
EVENT = "/api/v1/chats/{chat}/messages/m/event"
FAR = "18446744073709551615-18446744073709551615"

REFUSED: list[tuple[str, str, Any, int]] = [
    ("POST", EVENT, "", 400),
    ("POST", EVENT, "{", 400),
    ("POST", EVENT, "[]", 400),
    ("POST", EVENT, "null", 400),
    ("POST", EVENT, '"text"', 400),
    ("POST", EVENT, b"\xff\xfe", 400),
    ("POST", EVENT, '{"type":7}', 400),
    ("POST", EVENT, '{"type":""}', 400),
    ("POST", EVENT, {"type": "x" * 1_000_000}, 400),
    ("POST", EVENT, DEEP, 400),
    ("POST", EVENT, BOTTOMLESS, 400),
    ("POST", EVENT, '{"type":"message","data":"\\ud800"}', 400),
    ("POST", EVENT + "?ack=never", {"type": "message", "data": {"content": "x"}}, 400),
    ("POST", "/api/v1/chats/{chat}/messages/a%09b/event", {"type": "message", "data": {}}, 404),
    ("POST", "/api/v1/chats/{chat}/messages/" + "m" * 300 + "/event", {"type": "message", "data": {}}, 400),
    ("POST", "/api/v1/chats/{chat}/messages/m", {"content": 7}, 400),
    ("POST", "/api/v1/chats/{chat}/messages/m", {}, 400),
    ("POST", "/api/v1/chats/{chat}/messages/m?ack=never", {"content": "x"}, 400),
    ("POST", "/api/v1/chats/new", {"title": 7}, 400),
    ("POST", "/api/v1/chats/new", {"chat": "text"}, 400),
    ("POST", "/api/v1/chats/new", {"chat": {"title": 7}}, 400),
    ("POST", "/api/v1/chats/new", {"chat": {"history": {"messages": "text"}}}, 400),
    ("POST", "/api/v1/chats/new", {"chat": {"history": {"messages": {"m": "text"}}}}, 400),
    ("POST", "/api/v1/chats/new", {"chat": {"history": {"currentId": 7}}}, 400),
    ("POST", "/api/v1/chats/new?ack=never", {}, 400),
    ("GET", "/api/v1/chats/unknown", None, 404),
    ("GET", "/api/v1/chats/a%00b", None, 404),
    ("GET", "/api/v1/chats/%FF", None, 404),
    ("GET", "/api/v1/chats/" + "x" * 5000, None, 404),
    ("POST", "/api/v1/chats/a%00b/messages/m", {"content": "x"}, 404),
    ("GET", "/api/v1/channels/%00", None, 404),
    ("GET", "/api/v1/channels/a%00b/messages", None, 404),
    ("GET", "/api/v1/channels/" + "x" * 5000, None, 404),
    ("POST", "/api/v1/channels/webhooks/a%00b.x/token", {"content": "x"}, 404),
    ("POST", "/api/v1/channels/webhooks/x.y/a%00b", {"content": "x"}, 404),
    ("GET", "/api/v1/channels/users/a%00b", None, 404),
    ("GET", "/api/v1/notes/%00", None, 404),
    ("DELETE", "/api/v1/notes/a%00b/delete", None, 404),
    ("GET", "/api/tasks/chat/a%00b", None, 404),
    ("GET", "/api/v1/rooms/user:bob/events", None, 404),
    ("GET", "/api/v1/rooms/user:/events", None, 404),
    ("GET", "/api/v1/rooms/system:control/events", None, 404),
    ("GET", "/api/v1/rooms/nonsense/events", None, 404),
    ("GET", "/api/v1/rooms/chat:a%00b/events", None, 404),
    ("GET", "/api/v1/rooms/user:alice/events?after=garbage", None, 400),
    ("GET", "/api/v1/rooms/user:alice/events?after=99999999999999-0", None, 410),
    ("GET", "/api/v1/rooms/user:alice/events?after=" + FAR, None, 410),
    ("GET", "/api/v1/rooms/user:alice/events?limit=0", None, 400),
    ("GET", "/api/v1/rooms/user:alice/events?limit=-1", None, 400),
    ("GET", "/api/v1/rooms/user:alice/events?limit=1001", None, 400),
    ("GET", "/api/v1/rooms/user:alice/events?limit=" + "9" * 5000, None, 400),
    ("GET", "/api/v1/rooms/user:alice/events/stream?after=garbage", None, 400),
    ("GET", "/api/v1/rooms/user:alice/events/stream?after=" + FAR, None, 410),
    ("POST", "/api/v1/rooms/user:alice/events", {"event": "e"}, 403),
    ("GET", EVENT, None, 405),
    ("PUT", "/api/v1/chats/new", {}, 405),
    ("DELETE", "/livez", None, 405),
    ("POST", "/readyz", None, 405),
    ("GET", "/nowhere", None, 404),
    ("GET", "/api/nowhere", None, 404),
    ("GET", "/api/v1/chats/x/y/z", None, 404),
]


def _name(case: tuple[str, str, Any, int]) -> str:
    return f"{case[0]} {case[1]} {case[2]!r}"[:90]


@pytest.mark.parametrize("case", REFUSED, ids=_name)
async def test_a_request_that_cannot_be_served_says_why_and_stores_nothing(
    fleet: Fleet, valkey: ValkeyServer, case: tuple[str, str, Any, int]
) -> None:
    method, path, body, status = case
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        heads = Keys(fleet.key_prefix).heads
        with valkey.client() as redis:
            before = redis.hgetall(heads)
            content = {"content": body} if isinstance(body, str | bytes) else {"json": body}
            answer = await api.client.request(method, path.replace("{chat}", chat), **content)
            assert redis.hgetall(heads) == before
        assert answer.status_code == status, answer.text
        found = answer.json()
        assert found["detail"]
        assert found["code"]
        assert found["retryable"] is False
        assert (await api.chat(chat))["id"] == chat


@pytest.mark.parametrize("path", [EVENT, "/api/v1/chats/new"])
async def test_a_20_mb_body_is_refused_and_nothing_is_stored(fleet: Fleet, valkey: ValkeyServer, path: str) -> None:
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        with valkey.client() as redis:
            before = redis.hgetall(Keys(fleet.key_prefix).heads)
            body = '{"type":"message","data":{"content":"' + "x" * 20_000_000 + '"}}'
            answer = await api.client.post(path.replace("{chat}", chat), content=body)
            assert redis.hgetall(Keys(fleet.key_prefix).heads) == before
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize("key", ["", "k" * 300])
async def test_an_idempotency_key_of_a_wrong_length_is_refused(fleet: Fleet, key: str) -> None:
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        body = {"type": "message", "data": {"content": "x"}}
        path = EVENT.replace("{chat}", chat)
        answer = await api.client.post(path, json=body, headers={"Idempotency-Key": key})
        assert answer.status_code == 400


async def test_an_idempotency_key_answers_the_first_position_and_refuses_another_body(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, calling(one.url) as api, calling(two.url) as other:
        chat = await api.new_chat()
        path = EVENT.replace("{chat}", chat)
        key = {"Idempotency-Key": "k"}
        body = {"type": "message", "data": {"content": "x"}}
        first = await api.client.post(path, json=body, headers=key)
        again = await other.client.post(path, json=body, headers=key)
        assert first.json() == again.json()
        changed = await other.client.post(path, json=body | {"type": "replace"}, headers=key)
        assert changed.status_code == 422
        assert changed.json()["code"] == "idempotency_key_reused"
        elsewhere = await api.client.post(path.replace("/m/", "/n/"), json=body, headers=key)
        assert elsewhere.json()["position"] > first.json()["position"]
        assert (await api.chat(chat))["chat"]["history"]["messages"]["m"]["content"] == "x"


async def test_while_redis_does_not_answer_requests_end_in_bounded_time_with_503_and_retry_after(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    async with own_fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        path = EVENT.replace("{chat}", chat)
        body = {"type": "message", "data": {"content": "x"}}
        for silent in (True, False):
            if silent:
                own_valkey.signal(signal.SIGSTOP)
            else:
                own_valkey.kill()
            began = time.monotonic()
            answers = await asyncio.gather(*(api.client.post(path, json=body) for _ in range(20)))
            assert time.monotonic() - began < 20
            for answer in answers:
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) >= 1
                assert answer.json()["code"] == "log_unavailable"
                assert answer.json()["retryable"] is True


async def test_a_burst_of_appends_to_a_silent_redis_fails_in_bounded_time(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    async with own_fleet.inside() as node:
        own_valkey.signal(signal.SIGSTOP)
        began = time.monotonic()
        appends = (node.node.emitter.publish("user:a", "e", {}, True, None) for _ in range(2000))
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        took = time.monotonic() - began
        own_valkey.signal(signal.SIGCONT)
        assert all(isinstance(outcome, Exception) for outcome in outcomes)
        assert took < 15


@pytest.mark.parametrize("role", ["service", "admin"])
@pytest.mark.parametrize("room", ["system:control", "direct:x", "nonsense", "user"])
async def test_rooms_that_are_no_clients_business_are_read_by_nobody(fleet: Fleet, role: str, room: str) -> None:
    async with fleet.inside() as node, calling(node.url, "pipeline", role=role) as api:
        for end in ("events", "events/stream"):
            assert (await api.client.get(f"/api/v1/rooms/{room}/{end}")).status_code == 404
        assert (await api.client.get("/api/v1/rooms/user:alice/events")).status_code == 200


async def test_what_is_shown_at_once_is_what_is_read_later_also_where_it_held_nul(fleet: Fleet) -> None:
    fleet.worker()
    async with fleet.inside() as node, calling(node.url) as api, listening(node.url) as page:
        created = await api.client.post("/api/v1/channels/create", json={"name": "n\0n"})
        channel = created.json()["id"]
        assert created.json()["name"] == "n\ufffdn"
        assert await page.call("user-join", {})
        post = {"content": "a\0\\u0000", "data": {"k\0": "\0"}}
        posted = await api.client.post(f"/api/v1/channels/{channel}/messages/post?ack=sql", json=post)
        assert posted.status_code == 200, posted.text
        (read,) = (await api.client.get(f"/api/v1/channels/{channel}/messages")).json()
        for shown in (posted.json(), read):
            assert (shown["content"], shown["data"]) == ("a\ufffd\\u0000", {"k\ufffd": "\ufffd"})
        chat = await api.new_chat()
        emit = await node.node.producer.get_event_emitter({"user_id": "alice", "chat_id": chat, "message_id": "m1"})
        await emit({"type": "message", "data": {"content": "be\0fore"}})
        await api.emit(chat, "message", {"content": "\0"})
        await eventually(lambda: page.contents == ["be\ufffdfore", "\ufffd"])
        assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "be\ufffdfore\ufffd"
