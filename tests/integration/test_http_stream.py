"""A room as Server-Sent Events: resumed by Last-Event-ID, on any node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from streams.entry import Position
from streams.replay import Gap
from tests.contract.clients import calling
from tests.support.nodes import Api, Fleet, bearer, eventually
from tests.support.proxy import proxy_to

STREAM = "/api/v1/rooms/user:alice/events/stream"


@dataclass(frozen=True)
class Sent:
    """One event as EventSource reads it."""

    id: str
    event: str
    data: Any


@asynccontextmanager
async def streaming(url: str, last: str | None = None, **query: str) -> AsyncIterator[AsyncIterator[Sent]]:
    """The events of alice's room, behind a stream that is open."""
    headers = bearer() | ({"Last-Event-ID": last} if last else {})
    async with (
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client,
        client.stream("GET", STREAM, headers=headers, params=query) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith(":")
        yield _events(lines)


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[Sent]:
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "id" in fields:
            yield Sent(fields["id"], fields["event"], orjson.loads(fields["data"]))
            fields = {}


async def _take(events: AsyncIterator[Sent], count: int) -> list[Sent]:
    return [await asyncio.wait_for(anext(events), 10) for _ in range(count)]


async def _take_numbers(events: AsyncIterator[Sent], count: int) -> list[Sent]:
    """Events with that many numbers: what is read from the log comes joined."""
    got: list[Sent] = []
    while len(_numbers(got)) < count:
        got += await _take(events, 1)
    return got


def _numbers(events: list[Sent]) -> list[str]:
    return "".join(sent.data["data"]["data"]["content"] for sent in events).split()


async def test_a_stream_that_is_cut_in_the_middle_goes_on_elsewhere_with_nothing_lost_or_repeated(fleet: Fleet) -> None:
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        proxy_to(one.port) as proxy,
        calling(two.url) as api,
    ):
        chat = await api.new_chat()
        got: list[Sent] = []
        try:
            async with streaming(proxy.url) as events:
                await _emit(api, chat, 0, 10)
                got += await _take_numbers(events, 10)
                proxy.cut()
                await anext(events)
        except (httpx.HTTPError, StopAsyncIteration):
            pass
        await _emit(api, chat, 10, 20)
        async with streaming(two.url, got[-1].id) as events:
            got += await _take_numbers(events, 10)
            await _emit(api, chat, 20, 30)
            got += await _take_numbers(events, 10)
        assert _numbers(got) == [f"{number}" for number in range(30)]
        positions = [Position.parse(sent.id) for sent in got]
        assert positions == sorted(set(positions))
        assert {sent.event for sent in got} == {"events"}


async def test_a_stream_from_a_position_of_the_list_goes_on_where_the_list_ended(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        await _emit(api, chat, 0, 5)
        listed = (await api.client.get("/api/v1/rooms/user:alice/events", params={"limit": 3})).json()
        assert len(listed["events"]) == 3
        assert listed["complete"] is False
        async with streaming(node.url, after=listed["next"]) as events:
            rest = await _take_numbers(events, 3)
        assert _numbers(rest) == ["2", "3", "4"]
        assert [event["data"]["data"]["type"] for event in listed["events"]] == ["chat:new", "message", "message"]


async def test_a_stream_from_the_beginning_has_all_that_is_kept_and_goes_on(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        await _emit(api, chat, 0, 3)
        async with streaming(node.url, after="0-0") as events:
            assert (await anext(events)).data["data"]["type"] == "chat:new"
            assert _numbers(await _take_numbers(events, 3)) == ["0", "1", "2"]
            await _emit(api, chat, 3, 5)
            assert _numbers(await _take_numbers(events, 2)) == ["3", "4"]


async def test_a_stream_whose_reader_is_slow_gets_everything(fleet: Fleet) -> None:
    async with fleet.inside() as node, proxy_to(node.port) as proxy, calling(node.url) as api:
        chat = await api.new_chat()
        proxy.rate = 2_000_000
        async with streaming(proxy.url) as events:
            body = {"chat_id": chat, "data": {"type": "message", "data": {"content": "", "pad": "x" * 1000}}}
            for _ in range(30):
                appends = (node.node.emitter.publish("user:alice", "events", body, True, None) for _ in range(50))
                await asyncio.gather(*appends)
            got = await _take(events, 1500)
        listed = await node.node.reader.tail_of("user:alice", Position.parse(got[0].id))
        assert not isinstance(listed, Gap)
        assert [sent.id for sent in got[1:]] == [str(entry.position) for entry in listed[1]]


async def test_a_reader_that_goes_away_leaves_nothing_behind(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api:
        chat = await api.new_chat()
        async with streaming(node.url) as events:
            await _emit(api, chat, 0, 1)
            await _take(events, 1)
        await api.emit(chat, "message", {"content": "nobody"})
        await eventually(lambda: not node.node.hub.rooms())


async def _emit(api: Api, chat: str, begin: int, end: int) -> None:
    for number in range(begin, end):
        await api.emit(chat, "message", {"content": f"{number} "})
