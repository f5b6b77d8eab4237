"""The log's server is found by a Sentinel, and fails over: settings as Open WebUI's operators write them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.producer import producer
from tests.contract.clients import calling, listening
from tests.support.nodes import Fleet, as_url, eventually
from tests.support.sentinel import Watched, watched


@pytest.fixture
def servers() -> Iterator[Watched]:
    with watched() as made:
        yield made


@pytest.mark.parametrize(
    ("names", "fault"),
    [("redis_sentinel", "the primary is killed"), ("websocket_sentinel", "the primary becomes the replica")],
)
async def test_nodes_and_workers_follow_a_failover_and_lose_nothing_that_was_replicated(
    servers: Watched, database_url: str, names: str, fault: str
) -> None:
    fleet = Fleet(servers.url, as_url(database_url), "own")
    found: dict[str, Any] = {f"{names}_hosts": "127.0.0.1, 127.0.0.1", f"{names}_port": servers.port}
    try:
        fleet.worker(**found)
        async with (
            fleet.inside(**found) as node,
            listening(node.url) as page,
            calling(node.url) as api,
        ):
            chat = await api.new_chat()
            event = f"/api/v1/chats/{chat}/messages/m1/event"

            async def said(text: str, key: str) -> bool:
                body = {"type": "message", "data": {"content": text}}
                with contextlib.suppress(httpx.ReadTimeout):
                    answer = await api.client.post(f"{event}?ack=sql", json=body, headers={"Idempotency-Key": key})
                    return answer.is_success
                return False

            await eventually(lambda: said("before ", "k1"), 40)  # the worker may take its time to start
            await eventually(lambda: page.words == ["before"])
            if fault == "the primary is killed":
                servers.kill()
            else:
                servers.fail_over()
            await eventually(lambda: said("after ", "k2"), 40)
            await eventually(lambda: page.words == ["before", "after"])
            assert page.connected
            assert page.of("room:reset")
            async with producer(servers.url, "own", sentinels=(("127.0.0.1", servers.port),)) as script:
                await script.emit_to_users("events", {"data": {"type": "notification", "data": {}}}, ["alice"])
            await eventually(lambda: page.of("events")[-1]["data"]["type"] == "notification")
            shown = (await api.chat(chat))["chat"]["history"]["messages"]["m1"]["content"]
            assert shown == "before after "
            await eventually(lambda: _ready(api.client), 20)
    finally:
        fleet.stop()


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).is_success
