"""Snapshot and tail: a viewer who reads a chat and joins after the snapshot's position has the whole text."""

from __future__ import annotations

from typing import Any

from tests.contract.clients import calling
from tests.e2e.balancer import balancer_before
from tests.e2e.producer import Producer, heard
from tests.support.js import WEBSOCKET, Js, JsClient
from tests.support.nodes import Api, Fleet, eventually, token

ADMIN = {"role": "admin"}


async def snapshot(api: Api, chat: str) -> tuple[list[int], str]:
    """The numbers in the text of the chat's message, and the position that they are complete up to."""
    wire: dict[str, Any] = await api.chat(chat)
    message = wire["chat"]["history"]["messages"].get("m1", {"content": ""})
    return [int(word) for word in message["content"].split()], wire["position"]


def join(chat: str, after: str) -> tuple[str, dict[str, Any]]:
    return "events:chat", {"chat_id": chat, "data": {"type": "join"}, "after": after}


async def has_all(producer: Producer, client: JsClient, chat: str, had: list[int]) -> None:
    """The snapshot and what the client heard after it are the chat's events, each once and in order."""
    last = await producer.say(chat)
    await eventually(lambda: last in heard(client), 40)
    assert had + heard(client) == producer.numbers(chat)


async def test_snapshot_and_tail_are_the_whole_text_when_nobody_watched_before(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        calling(one.url) as owner,
        calling(two.url, "root", **ADMIN) as api,
    ):
        chat = await owner.new_chat()
        await producer.say_many(chat, 10)
        client = await js.open(one.url, token("root", **ADMIN))
        had, position = await snapshot(api, chat)
        await producer.say_many(chat, 10)
        assert await client.ask(*join(chat, position)) is True
        await has_all(producer, client, chat, had)
        await client.close()


async def test_snapshot_and_tail_are_the_whole_text_while_events_flow(fleet: Fleet, js: Js, producer: Producer) -> None:
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        calling(one.url) as owner,
        calling(two.url, "root", **ADMIN) as api,
    ):
        chat = await owner.new_chat()
        async with producer.flowing([chat]):
            for number in range(20):
                await producer.go_on(3)
                client = await js.open((one, two)[number % 2].url, token("root", **ADMIN))
                had, position = await snapshot(api, chat)
                assert await client.ask(*join(chat, position)) is True
                await has_all_so_far(producer, client, chat, had)
                await client.close()


async def has_all_so_far(producer: Producer, client: JsClient, chat: str, had: list[int]) -> None:
    """As `has_all`, while others go on saying things."""
    last = await producer.say(chat)
    await eventually(lambda: last in heard(client), 40)
    got = had + heard(client)
    await eventually(lambda: len(producer.numbers(chat)) >= len(got))  # one is heard before its append is answered
    assert got == producer.numbers(chat)[: len(got)]


async def test_a_cut_in_the_middle_of_the_history_that_a_join_brings(fleet: Fleet, js: Js, producer: Producer) -> None:
    """While the client is told the chat's history, its other room is not heard twice, and nothing is left out."""
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        calling(one.url) as owner,
        calling(two.url, "root", **ADMIN) as api,
        balancer_before(one.port) as balancer,
    ):
        chat = await owner.new_chat()
        watcher = await js.open(two.url, token("root", **ADMIN))
        had, position = await snapshot(api, chat)
        assert await watcher.ask(*join(chat, position)) is True
        client = await js.open(balancer.url, token("root", **ADMIN), WEBSOCKET)
        producer.padding_bytes = 200
        for _ in range(500):
            await producer.say(chat)
            await producer.say("own", "root")
        await eventually(lambda: len(heard(client)) == 500, 40)
        balancer.rate = 50_000
        await client.emit(*join(chat, position))
        for node in (two, one, two):
            seen = len(heard(client))
            times = len(client.connects)
            await eventually(lambda seen=seen: len(heard(client)) > seen + 20)
            balancer.point_at(node.port)
            balancer.cut()
            assert (await client.connected(times + 1)).recovered
            assert len(heard(client)) < 1000
        balancer.rate = None
        last = await producer.say(chat)
        await eventually(lambda: last in heard(client), 40)
        got = heard(client)
        assert had + [number for number in got if number in set(producer.numbers(chat))] == producer.numbers(chat)
        assert [number for number in got if number in set(producer.numbers("own"))] == producer.numbers("own")
        await client.close()
        await watcher.close()


async def test_a_cut_before_the_history_that_a_join_brings(fleet: Fleet, js: Js, producer: Producer) -> None:
    """The join is in the record, but nothing of the history came through: it comes after the resume."""
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        calling(one.url) as owner,
        calling(two.url, "root", **ADMIN) as api,
        balancer_before(one.port) as balancer,
    ):
        chat = await owner.new_chat()
        watcher = await js.open(two.url, token("root", **ADMIN))
        had, position = await snapshot(api, chat)
        assert await watcher.ask(*join(chat, position)) is True
        client = await js.open(balancer.url, token("root", **ADMIN), WEBSOCKET)
        for _ in range(20):
            await producer.say(chat)
            await producer.say("own", "root")
        await eventually(lambda: len(heard(client)) == 20)
        session = next(s for s in one.node.sessions.by_sid.values())
        balancer.rate = 1  # nothing comes through to the client any more
        await client.emit(*join(chat, position))
        await eventually(lambda: f"chat:{chat}" in session.feed.rooms and session.feed.live)
        balancer.point_at(two.port)
        balancer.cut()
        balancer.rate = None
        assert (await client.connected(2)).recovered
        last = await producer.say(chat)
        await eventually(lambda: last in heard(client))
        got = heard(client)
        assert had + [number for number in got if number in set(producer.numbers(chat))] == producer.numbers(chat)
        assert [number for number in got if number in set(producer.numbers("own"))] == producer.numbers("own")
        await client.close()
        await watcher.close()
