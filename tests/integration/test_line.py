"""A line: one connection for one caller."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis import exceptions as redis_errors

from streams.keys import Keys
from streams.line import Line
from streams.link import Link
from tests.support.proxy import proxy_to
from tests.support.valkey import ValkeyServer, free_port


async def test_a_server_that_is_no_primary_any_more_is_left(own_valkey: ValkeyServer) -> None:
    link = Link(own_valkey.url, Keys("line"))
    line = Line(link.client())
    words = ("SET", "line:word", "said")
    before = await line.call(("CLIENT", "ID"), 5)
    with own_valkey.client() as redis:
        redis.replicaof("127.0.0.1", str(free_port()))
        with pytest.raises(redis_errors.ReadOnlyError):
            await line.call(words, 5)
        redis.replicaof("NO", "ONE")
    assert await line.call(words, 5) == b"OK"
    assert await line.call(("CLIENT", "ID"), 5) != before
    await line.aclose()
    await link.aclose()


async def test_rounds_go_on_until_the_taker_has_enough_and_the_line_is_free_again(own_valkey: ValkeyServer) -> None:
    link = Link(own_valkey.url, Keys("line"))
    line = Line(link.client())
    took: list[int] = []

    def take(reply: Any) -> float | None:
        took.append(reply)
        return (0.0, 0.001, None)[reply - 1]

    await line.rounds(lambda: ("INCR", "line:count"), take, 5)
    assert took == [1, 2, 3]
    assert await line.call(("INCR", "line:count"), 5) == 4
    await line.aclose()
    await link.aclose()


async def test_a_round_without_a_reply_ends_the_line(own_valkey: ValkeyServer) -> None:
    async with proxy_to(own_valkey.port) as proxy:
        link = Link(f"redis://127.0.0.1:{proxy.port}", Keys("line"))
        line = Line(link.client())

        def fall_silent(reply: Any) -> float:
            proxy.silent = True
            return 0.0

        with pytest.raises(redis_errors.ConnectionError):
            await line.rounds(lambda: ("PING",), fall_silent, 0.3)
        proxy.silent = False
        assert await line.call(("PING",), 5) == b"PONG"
        await line.aclose()
        await link.aclose()


async def test_what_the_taker_or_the_server_raises_ends_the_rounds(own_valkey: ValkeyServer) -> None:
    link = Link(own_valkey.url, Keys("line"))
    line = Line(link.client())
    with pytest.raises(ZeroDivisionError):
        await line.rounds(lambda: ("PING",), lambda reply: 1 / 0, 5)
    with pytest.raises(redis_errors.ResponseError):
        await line.rounds(lambda: ("GET",), lambda reply: 0.0, 5)
    rounds = asyncio.ensure_future(line.rounds(lambda: ("PING",), lambda reply: 0.01, 5))
    await asyncio.sleep(0)
    rounds.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rounds
    assert await line.call(("PING",), 5) == b"PONG"
    await line.aclose()
    await link.aclose()
