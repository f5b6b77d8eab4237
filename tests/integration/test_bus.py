"""The bus of ephemeral events on a real server, and what a broken signal does to a node."""

from __future__ import annotations

import asyncio

import pytest

from streams.bus import Bus, Signal, frame
from streams.ending import end
from streams.link import Link
from tests.contract.clients import calling, listening
from tests.support.nodes import Fleet, eventually
from tests.support.valkey import ValkeyServer

ODD = (
    Signal("user:alice", "a\nb", b"1"),
    Signal("user:a\nb", "é\u2028\0", b"[1]", 'skip "\n" me'),
    Signal("", "", b"", ""),
    Signal("user:alice", "bytes", b"{}", "", b"\xff\0]"),
)


def _short(head: bytes) -> bytes:
    return len(head).to_bytes(4, "big") + head


UNREADABLE = (
    b"",
    b"garbage",
    b"\0\0\0\xff[]",
    _short(b"[" * 100_000),
    _short(b"user:alice\nevent\n"),
    _short(b"\xff\xfe"),
    _short(b"{}"),
    _short(b'["user:alice","event"]'),
    _short(b'["user:alice","event",7]'),
    _short(b'["user:alice","event","",1]'),
    _short(b'["user:alice","event","",-1]'),
    _short(b'["user:alice","event","","1"]'),
)


async def test_a_signal_arrives_as_it_was_sent_and_what_cannot_be_read_is_skipped_and_counted(link: Link) -> None:
    client = link.client(connections=4)
    got: list[Signal] = []
    skipped: list[None] = []

    def deliver(signal: Signal) -> None:
        if signal.event == "refuse":
            raise ValueError("not for me")
        got.append(signal)

    bus = Bus(link, client, deliver, lambda: skipped.append(None))
    listening = asyncio.create_task(bus.run())
    try:
        await eventually(lambda: client.publish(link.keys.bus, frame(ODD[0])))
        await eventually(lambda: got)
        got.clear()
        for message in UNREADABLE:
            await client.publish(link.keys.bus, message)
        await bus.publish(Signal("user:alice", "refuse", b"1"))
        for signal in ODD:
            await bus.publish(signal)
        await eventually(lambda: len(got) == len(ODD))
        assert got == list(ODD)
        assert len(skipped) == len(UNREADABLE) + 1
    finally:
        await end([listening])


@pytest.mark.parametrize("durable", [True, False])
async def test_no_event_of_a_service_ends_a_node(fleet: Fleet, valkey: ValkeyServer, durable: bool) -> None:
    async with (
        fleet.inside() as one,
        fleet.inside() as other,
        calling(one.url, "service", role="service") as api,
        listening(other.url) as alice,
    ):
        path = "/api/v1/rooms/user:alice/events"
        for event in ("a\nb", "a\rb", "a\0b"):
            answer = await api.client.post(path, json={"event": event, "data": 1, "durable": durable})
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
        with valkey.client() as redis:
            redis.publish(one.node.link.keys.bus, b"\0\0\0\x04a\nbc")
        await one.node.server.emit("from\nnowhere", 1, room=alice.get_sid())
        answer = await api.client.post(path, json={"event": "after", "data": 2, "durable": durable})
        assert answer.status_code == 200, answer.text
        await eventually(lambda: alice.of("after"))
        assert [event for event, _ in alice.got] == ["from\nnowhere", "after"]
