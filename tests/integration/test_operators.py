"""What operators of Open WebUI know and look for: its settings, its log lines, origins, pings. On real processes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import redis
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.contract.clients import Listener, calling, listening
from tests.support.nodes import Fleet, as_url, eventually, token
from tests.support.valkey import ValkeyServer

PASSWORD = "s3cret-of-the-log"
GOOD, BAD = "http://good.test", "http://evil.test"
SOCKET = "/ws/socket.io/?EIO=4&transport="


@pytest.fixture
def guarded(own_valkey: ValkeyServer, database_url: str) -> Iterator[Fleet]:
    """Processes on a server that wants a password, in its database 1."""
    with own_valkey.client() as client:
        client.config_set("requirepass", PASSWORD)
    made = Fleet(f"redis://:{PASSWORD}@127.0.0.1:{own_valkey.port}/1", as_url(database_url), "own")
    yield made
    made.stop()


async def test_a_password_and_a_database_in_the_url_are_used_by_nodes_and_workers(
    guarded: Fleet, own_valkey: ValkeyServer
) -> None:
    known = {
        "enable_websocket_support": "true",
        "websocket_manager": "redis",
        "websocket_redis_url": guarded.redis_url,
        "log_level": "DEBUG",
    }
    one, other = await guarded.node(**known), await guarded.node(**known)
    guarded.worker(**known)
    async with calling(one.url) as api, listening(other.url) as page:
        chat = await api.new_chat()
        path = f"/api/v1/chats/{chat}/messages/m1/event?ack=sql"
        body = {"type": "message", "data": {"content": "said "}}
        assert (await api.client.post(path, json=body)).is_success
        await eventually(lambda: page.words == ["said"])
    with redis.Redis(port=own_valkey.port, password=PASSWORD) as client:
        assert list(client.info("keyspace")) == ["db1"]
    assert "Using Redis to manage websockets." in one.text()
    assert PASSWORD not in one.text()


async def test_a_server_that_evicts_is_told_of_at_the_start_and_by_readyz(guarded: Fleet) -> None:
    with redis.Redis.from_url(guarded.redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    node = await guarded.node()
    async with httpx.AsyncClient(base_url=node.url, trust_env=False) as anybody:
        answer = await anybody.get("/readyz")
    assert answer.status_code == 503
    (reason,) = answer.json()["reasons"]
    assert reason.startswith("redis: maxmemory-policy is allkeys-lru")
    assert "maxmemory-policy is allkeys-lru" in node.text()


async def test_the_log_tells_of_sessions_and_events_and_never_what_they_said(fleet: Fleet) -> None:
    node = await fleet.node(
        websocket_server_logging="True", websocket_server_engineio_logging="True", log_level="DEBUG"
    )
    good, bad = token(name="Alice Liddell"), token(exp=1)
    async with calling(node.url) as api, Listener() as page, Listener() as refused:
        await page.open(node.url, good)
        chat = await api.new_chat()
        await page.emit("usage", {"model": "a-model-of-hers"})
        await api.emit(chat, "message", {"content": "words-of-hers"})
        await eventually(lambda: page.contents)
        await page.drop()
        await eventually(lambda: "disconnected" in node.text())
        await page.open(node.url, good)
        with contextlib.suppress(Exception):
            await refused.open(node.url, bad)
        await eventually(lambda: "refused" in node.text())
    text = node.text()
    for told in ("user alice connected", "user alice reconnected", "a client is refused: the token has expired"):
        assert text.count(told) == 1, told
    assert text.count('received event "usage"') == 1
    assert "Received packet MESSAGE" in text
    for said in (good, bad, good[:30], "a-model-of-hers", "words-of-hers"):
        assert said not in text


@pytest.fixture
async def choosy(fleet: Fleet) -> AsyncIterator[str]:
    """The address of a node that takes pages of one origin, and of another."""
    async with fleet.inside(cors_allow_origin=f"{GOOD};http://other.test") as node:
        yield node.url


async def test_pages_of_allowed_origins_get_in_by_every_way(choosy: str) -> None:
    async with httpx.AsyncClient(base_url=choosy, headers={"Origin": GOOD}, trust_env=False) as page:
        for answer in (await page.get("/api/config"), await _preflight(page), await page.get(SOCKET + "polling")):
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == GOOD
            assert answer.headers["access-control-allow-credentials"] == "true"  # pages ask with `credentials: include`
    async with _socket(choosy, GOOD) as socket:
        assert (await socket.recv()).startswith("0{")


async def test_pages_of_other_origins_are_refused_by_every_way(choosy: str) -> None:
    async with httpx.AsyncClient(base_url=choosy, headers={"Origin": BAD}, trust_env=False) as page:
        assert "access-control-allow-origin" not in (await page.get("/api/config")).headers
        assert (await _preflight(page)).status_code == 400
        assert (await page.get(SOCKET + "polling")).status_code == 400
    with pytest.raises(InvalidStatus) as refused:
        async with _socket(choosy, BAD):
            pass
    assert refused.value.response.status_code == 403


async def test_by_default_pages_of_any_origin_get_in(fleet: Fleet) -> None:
    async with (
        fleet.inside() as node,
        httpx.AsyncClient(base_url=node.url, headers={"Origin": BAD}, trust_env=False) as page,
    ):
        for answer in (await page.get("/api/config"), await _preflight(page), await page.get(SOCKET + "polling")):
            assert answer.headers["access-control-allow-origin"] == BAD  # with credentials no browser takes `*`


async def test_a_client_is_told_when_pings_come_and_is_gone_when_it_answers_none(fleet: Fleet) -> None:
    async with (
        fleet.inside(websocket_server_ping_interval=0.5, websocket_server_ping_timeout=0.25) as node,
        connect(node.url.replace("http", "ws", 1) + SOCKET + "websocket", proxy=None) as socket,
    ):
        opened = await socket.recv()
        assert '"pingInterval":500' in str(opened)
        assert '"pingTimeout":250' in str(opened)
        await socket.send(f'40{{"token":"{token()}"}}')
        producer = node.node.producer
        await eventually(lambda: producer.get_user_ids_from_room("user:alice"))
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()

        async def gone() -> bool:
            return await producer.get_user_ids_from_room("user:alice") == []

        await eventually(gone)
        assert node.node.sessions.by_sid == {}


async def _preflight(page: httpx.AsyncClient) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return await page.options("/api/v1/chats/new", headers=asked)


def _socket(url: str, origin: str) -> Any:
    place = url.replace("http", "ws", 1) + SOCKET + "websocket"
    return connect(place, additional_headers={"Origin": origin}, proxy=None)


async def test_a_proxy_that_says_connection_upgrade_with_every_request_disturbs_nothing(fleet: Fleet) -> None:
    node = await fleet.node()
    proxied = {"Connection": "upgrade", "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    async with calling(node.url) as api:
        api.client.headers.update(proxied)
        chat = await api.new_chat()
        await api.emit(chat, "message", {"content": "said"})
        assert (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "said"
        opened = await api.client.get(SOCKET + "polling")
        sid = json.loads(opened.text[1:])["sid"]
        polling = f"{SOCKET}polling&sid={sid}"
        sent = await api.client.post(polling, content=f'40{{"token":"{token()}"}}')
        assert (sent.status_code, sent.text) == (200, "OK")
        assert (await api.client.get(polling)).text.startswith('40{"sid":')
