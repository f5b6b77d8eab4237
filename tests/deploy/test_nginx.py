"""deploy/nginx*.conf in the real nginx, in front of two real nodes."""

from __future__ import annotations

import asyncio
import re
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.contract.clients import calling
from tests.deploy.nginx import DEPLOY, certify
from tests.deploy.site import ADDRESSES, site
from tests.e2e.producer import Producer, hears, open_producer
from tests.support.js import POLLING, UPGRADE, WEBSOCKET, Js, JsClient, js
from tests.support.nodes import Fleet, bearer, eventually, token

__all__ = ["js"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 at once")

SOCKET = "/ws/socket.io/?EIO=4&transport="
TRANSPORTS = pytest.mark.parametrize("transports", [POLLING, UPGRADE, WEBSOCKET], ids=["polling", "upgrade", "ws"])


@pytest.fixture
async def producer(fleet: Fleet) -> AsyncIterator[Producer]:
    async with open_producer(fleet) as made:
        yield made


@TRANSPORTS
async def test_every_transport_gets_through_and_hears_all(
    fleet: Fleet, js: Js, producer: Producer, tmp_path: Path, transports: list[str]
) -> None:
    async with site(fleet, tmp_path) as made:
        client = await js.open(made.url, token(), transports)
        await eventually(lambda: _transport_is(client, transports[-1]))
        await producer.say_many("c", 20)
        await hears(client, producer.numbers())
        await client.close()


async def _transport_is(client: JsClient, wanted: str) -> bool:
    return bool((await client.state())["transport"] == wanted)


async def test_a_polling_session_stays_on_its_node_whatever_the_others_have(
    fleet: Fleet, js: Js, producer: Producer, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path) as made:
        clients = [await js.open(made.url, token(), POLLING) for _ in range(3)]
        for _ in range(5):
            await producer.say("c")
            for client in clients:
                await hears(client, producer.numbers())
        assert Counter((await made.connections()).values()) == {3: 1, 0: 1}  # one address, so one node for all three
        served = re.findall(r" /ws/socket\.io/ 200 .* by (\S+)$", made.nginx.text(), re.MULTILINE)
        assert len(served) > 20
        assert len(set(served)) == 1
        assert all(not client.disconnects for client in clients)


async def test_websockets_of_one_address_are_spread_over_the_nodes(fleet: Fleet, js: Js, tmp_path: Path) -> None:
    async with site(fleet, tmp_path) as made:
        for _ in range(4):
            await js.open(made.url, token(), WEBSOCKET)
        assert await made.connections() == dict.fromkeys(ADDRESSES, 2)


@TRANSPORTS
async def test_when_its_node_is_killed_a_client_resumes_on_the_other_through_nginx(
    fleet: Fleet, js: Js, producer: Producer, tmp_path: Path, transports: list[str]
) -> None:
    async with site(fleet, tmp_path) as made:
        client = await js.open(made.url, token(), transports)
        await eventually(lambda: _transport_is(client, transports[-1]))
        async with producer.flowing(["c"]):
            await producer.go_on(50)
            (await made.node_of_the_only_client()).kill()
            assert (await client.connected(2)).recovered
            await producer.go_on(50)
        await hears(client, producer.numbers())
        await client.close()


@TRANSPORTS
async def test_when_its_node_drains_a_client_moves_over_and_new_ones_begin_at_the_other(
    fleet: Fleet, js: Js, producer: Producer, tmp_path: Path, transports: list[str]
) -> None:
    async with site(fleet, tmp_path, drain_seconds=3) as made:
        client = await js.open(made.url, token(), transports)
        await eventually(lambda: _transport_is(client, transports[-1]))
        leaving = await made.node_of_the_only_client()
        async with producer.flowing(["c"]):
            await producer.go_on(50)
            assert leaving.process is not None
            leaving.process.terminate()
            newcomer = await js.open(made.url, token("bob"), transports)
            assert (await client.connected(2)).recovered
            await producer.go_on(50)
        await hears(client, producer.numbers())
        assert newcomer.connects
        assert await asyncio.to_thread(leaving.process.wait, 30) == 0


async def test_writes_go_to_the_node_that_is_left_and_none_is_made_twice(fleet: Fleet, tmp_path: Path) -> None:
    async with site(fleet, tmp_path) as made, calling(made.url) as api:
        chat = await api.new_chat()
        made.nodes[ADDRESSES[1]].kill()
        positions = [await api.emit(chat, "message", {"content": f"{number} "}) for number in range(10)]
        assert len(set(positions)) == 10
        events = (await api.client.get(f"/api/v1/rooms/user:alice/events?after={positions[0]}")).json()
        assert len(events["events"]) == 9, events


async def test_a_node_that_is_made_anew_is_found_at_its_new_address(fleet: Fleet, js: Js, tmp_path: Path) -> None:
    async with site(fleet, tmp_path) as made:
        old, anew = ADDRESSES[1], "127.0.0.3"
        node = made.nodes.pop(old)
        node.kill()
        made.nodes[anew] = await fleet.node_at(anew, node.port)
        made.names.addresses["node2"] = [anew]

        async def somebody_is_there() -> bool:
            await js.open(made.url, token(), WEBSOCKET)
            return (await made.connections())[anew] > 0

        await eventually(somebody_is_there, 30)


async def test_a_polling_session_stays_when_another_node_goes(
    fleet: Fleet, js: Js, producer: Producer, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path) as made:
        client = await js.open(made.url, token(), POLLING)
        host = (await made.node_of_the_only_client()).host
        other = {"127.0.0.1": "node2", "127.0.0.2": "node1"}[host]
        made.nodes[({*ADDRESSES} - {host}).pop()].kill()
        made.names.addresses[other] = []
        for _ in range(5):
            await producer.say("c")
            await hears(client, producer.numbers())
        assert not client.disconnects


async def test_server_sent_events_come_as_they_are_sent(fleet: Fleet, producer: Producer, tmp_path: Path) -> None:
    """Each is awaited before the next is said: a buffer would keep it for ever."""
    async with (
        site(fleet, tmp_path) as made,
        httpx.AsyncClient(base_url=made.url, headers=bearer(), trust_env=False, timeout=20) as client,
        client.stream("GET", "/api/v1/rooms/user:alice/events/stream") as answer,
    ):
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith(":")
        for _ in range(5):
            number = await producer.say("c")
            line = ""
            while not line.startswith("data:"):
                line = await asyncio.wait_for(anext(lines), 20)
            assert f'"{number} "' in line


async def test_idle_sockets_live_on_pings_alone(fleet: Fleet, js: Js, producer: Producer, tmp_path: Path) -> None:
    """nginx would cut what is silent for 2 s; five pings later nobody was cut. The shipped time is 90 s, above the
    25 s + 20 s of the shipped pings."""
    (timeout_s,) = re.findall(r"proxy_read_timeout (\d+)s;", (DEPLOY / "nginx-proxy.conf").read_text())
    assert int(timeout_s) > 25 + 20
    patience = {"proxy_read_timeout 90s;": "proxy_read_timeout 2s;"}
    async with site(fleet, tmp_path, patience, websocket_server_ping_interval=1) as made:
        client = await js.open(made.url, token(), WEBSOCKET)
        polling = await js.open(made.url, token(), POLLING)
        async with connect(made.url.replace("http", "ws") + SOCKET + "websocket") as idle:
            assert str(await idle.recv()).startswith("0{")
            for _ in range(5):
                assert await asyncio.wait_for(idle.recv(), 20) == "2"
                await idle.send("3")
        await producer.say("c")
        for one in (client, polling):
            await hears(one, producer.numbers())
            assert not one.disconnects


async def test_bodies_that_are_too_large_are_refused_by_nginx_and_smaller_ones_by_the_node(
    fleet: Fleet, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path, max_message_bytes=1 << 20) as made, calling(made.url) as api:
        too_much = await api.client.post("/api/v1/chats/new", content=b"x" * ((16 << 20) + 1))
        much = await api.client.post("/api/v1/chats/new", content=b"x" * (2 << 20))
        assert (too_much.status_code, too_much.headers["server"]) == (413, "nginx")
        assert much.status_code == 413
        assert much.json()["code"] == "too_large"
        assert await api.new_chat()


async def test_tls_carries_calls_and_websockets(fleet: Fleet, tmp_path: Path) -> None:
    trust = certify(tmp_path)
    async with site(fleet, tmp_path) as made:
        async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=20) as client:
            answer = await client.get(f"{made.nginx.tls_url}/readyz")
            assert answer.is_success
            assert "max-age" in answer.headers["strict-transport-security"]
        wss = made.nginx.tls_url.replace("https", "wss") + SOCKET + "websocket"
        async with connect(wss, ssl=trust) as socket:
            assert str(await socket.recv()).startswith("0{")
        with pytest.raises(ssl.SSLCertVerificationError):
            async with connect(wss, ssl=ssl.create_default_context()):
                pass


async def _come_from(url: str, address: str, claimed: str) -> None:
    """Open a WebSocket from an address of ours and claim another."""
    async with connect(
        url.replace("http", "ws") + SOCKET + "websocket",
        local_addr=(address, 0),
        additional_headers={"X-Forwarded-For": claimed, "X-Real-IP": claimed, "Forwarded": f"for={claimed}"},
    ) as socket:
        await socket.recv()


async def test_a_client_cannot_claim_an_address_and_the_node_knows_the_real_one(fleet: Fleet, tmp_path: Path) -> None:
    async with site(fleet, tmp_path, hosts=ADDRESSES[:1]) as made:
        (node,) = made.nodes.values()
        await _come_from(made.url, "127.0.0.7", "6.6.6.6")
        await eventually(lambda: '127.0.0.7:0 - "WebSocket' in node.text())
        assert "6.6.6.6" not in node.text()
        assert made.nginx.text().count("127.0.0.7 [") == 1
        assert "6.6.6.6" not in made.nginx.text()


async def test_a_node_believes_the_proxies_that_are_named_and_nobody_else(fleet: Fleet) -> None:
    wary = await fleet.node(forwarded_allow_ips="10.1.0.0/16")
    await _come_from(wary.url, "127.0.0.7", "6.6.6.6")
    await eventually(lambda: "127.0.0.7:" in wary.text())
    assert "6.6.6.6" not in wary.text()
    trusting = await fleet.node(forwarded_allow_ips="127.0.0.0/8")
    await _come_from(trusting.url, "127.0.0.7", "6.6.6.6")
    await eventually(lambda: "6.6.6.6:0" in trusting.text())


async def test_metrics_are_not_for_the_world_and_the_log_keeps_no_session_id(
    fleet: Fleet, js: Js, tmp_path: Path
) -> None:
    async with site(fleet, tmp_path) as made, httpx.AsyncClient(base_url=made.url, trust_env=False) as client:
        assert (await client.get("/metrics")).status_code == 404
        await js.open(made.url, token(), POLLING)
        await eventually(lambda: "/ws/socket.io/" in made.nginx.text())
        assert "sid=" not in made.nginx.text()
        assert "?" not in made.nginx.text()
