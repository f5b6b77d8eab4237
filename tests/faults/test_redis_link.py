"""The link between a node and its Redis breaks, or is up and silent."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.emitter import Target
from streams.append import Once
from streams.errors import LogUnavailable
from streams.keys import Keys
from tests.contract.clients import calling, listening
from tests.contract.links import MutedProxy, breakable, port_of
from tests.support.nodes import Api, Fleet, eventually
from tests.support.valkey import ValkeyServer

BACK_S = 3.0
"""DESIGN: an event that was appended while the link was away is delivered this long after the link is back."""


@pytest.mark.parametrize("fault", ["cut", "silent"])
async def test_the_last_event_arrives_within_3_s_of_the_link_being_back_without_any_further_event(
    fleet: Fleet, fault: str
) -> None:
    async with (
        breakable(fleet) as (behind, proxy),
        fleet.inside() as producer,
        behind.inside() as node,
        calling(producer.url) as api,
    ):
        chat = await api.new_chat()
        async with listening(node.url) as client:
            await api.emit(chat, "message", {"content": "first"})
            await eventually(lambda: client.contents == ["first"])
            if fault == "cut":
                proxy.refusing = True
                proxy.cut()
            else:
                proxy.silent = True
            await api.emit(chat, "message", {"content": "last"})
            read_at = node.node.tail.read_at
            await eventually(lambda: asyncio.get_running_loop().time() - read_at > 2.5)  # past the tail's own timeout
            assert client.contents == ["first"]
            back = time.monotonic()
            proxy.refusing = proxy.silent = False
            await eventually(lambda: len(client.contents) >= 2)
            assert time.monotonic() - back < BACK_S
            assert client.contents == ["first", "last"]


async def test_an_append_whose_answer_was_lost_is_sent_again_and_appears_once(
    fleet: Fleet, valkey: ValkeyServer
) -> None:
    proxy = MutedProxy(port_of(fleet))
    stream = Keys(fleet.key_prefix).room("user:alice")
    async with (
        breakable(fleet, proxy) as (behind, _),
        behind.inside() as node,
        listening(node.url) as client,
        calling(node.url) as api,
    ):
        chat = await api.new_chat()
        with valkey.client() as redis:
            before = redis.xlen(stream)
            entry = node.node.emitter.publish("user:alice", "events", _message(chat, "once"), True, None)
            proxy.muted = True
            appending = asyncio.create_task(entry)
            await eventually(lambda: redis.xlen(stream) == before + 1)
            assert not appending.done()
            proxy.muted = False
            appended = await appending
            assert appended is not None
            assert redis.xlen(stream) == before + 1
        await eventually(lambda: client.contents)
        await api.emit(chat, "message", {"content": "next"})
        await eventually(lambda: len(client.contents) >= 2)
        assert client.contents == ["once", "next"]
        assert str(client.positions[-2]) == str(appended.position)


async def test_a_request_that_failed_and_is_made_again_with_its_key_appears_once(
    fleet: Fleet, valkey: ValkeyServer
) -> None:
    proxy = MutedProxy(port_of(fleet))
    stream = Keys(fleet.key_prefix).room("user:alice")
    async with breakable(fleet, proxy) as (behind, _), behind.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        target = Target("alice", chat, "m1")
        path = f"/api/v1/chats/{chat}/messages/m1/event"
        once = Once(f"alice:{path}", "k1")
        with valkey.client() as redis:
            before = redis.xlen(stream)
            failing = asyncio.create_task(node.node.emitter.emit(target, "message", {"content": "x"}, once))
            proxy.muted = True
            await eventually(lambda: redis.xlen(stream) == before + 1)
            with pytest.raises(LogUnavailable):
                await failing
            proxy.muted = False
            await eventually(lambda: _is_ready(api), 30)
            body = {"type": "message", "data": {"content": "x"}}
            answers = [await api.client.post(path, json=body, headers={"Idempotency-Key": "k1"}) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200] * 3
            assert len({answer.json()["position"] for answer in answers}) == 1
            assert redis.xlen(stream) == before + 1


async def _is_ready(api: Api) -> bool:
    """Whether every link of the node has found its way again."""
    return (await api.client.get("/readyz")).is_success


def _message(chat: str, text: str) -> dict[str, object]:
    return {"chat_id": chat, "message_id": "m1", "data": {"type": "message", "data": {"content": text}}}
