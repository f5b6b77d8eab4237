"""Calls that share one connection: each gets its own answer, or a fault, whatever happens to the link."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from redis import exceptions as redis_errors

from streams.keys import Keys
from streams.link import Client, Link, run_script
from tests.support.nodes import eventually
from tests.support.proxy import proxy_to
from tests.support.valkey import ValkeyServer


async def test_each_of_many_calls_at_once_gets_its_own_answer(link: Link, key_prefix: str) -> None:
    client = link.trunk()

    async def one(number: int) -> None:
        key = f"{key_prefix}:{number}"
        await client.set(key, number)
        pipe = client.pipeline(transaction=number % 2 == 0)
        pipe.get(key)
        pipe.hset(f"{key}:hash", mapping={"n": number})
        pipe.hgetall(f"{key}:hash")
        assert await pipe.execute() == [b"%d" % number, 1, {b"n": b"%d" % number}]
        assert await client.mget([key, "no such key"]) == [b"%d" % number, None]

    await asyncio.gather(*map(one, range(200)))


async def test_a_refused_call_is_its_callers_alone(link: Link, key_prefix: str) -> None:
    client = link.trunk()
    await client.set(key_prefix, "text")
    answers = await asyncio.gather(
        client.get(key_prefix), client.hgetall(key_prefix), client.get(key_prefix), return_exceptions=True
    )
    assert list(answers[::2]) == [b"text", b"text"]
    assert isinstance(answers[1], redis_errors.ResponseError)
    pipe = client.pipeline(transaction=True)
    pipe.get(key_prefix)
    pipe.hgetall(key_prefix)
    with pytest.raises(redis_errors.ResponseError, match="WRONGTYPE"):
        await pipe.execute()
    assert await client.get(key_prefix) == b"text"


async def test_a_script_that_the_server_does_not_know_is_loaded(link: Link, key_prefix: str) -> None:
    client = link.trunk()
    await client.script_flush()
    await run_script(client, "members_keep", [f"{key_prefix}:members"], [60, "sid"])
    assert await client.zrange(f"{key_prefix}:members", 0, -1) == [b"sid"]
    script = client.register_script("return ARGV[1]")
    assert await script(keys=[], args=["said"]) == b"said"


async def test_a_cancelled_call_leaves_the_others_their_answers(link: Link, key_prefix: str) -> None:
    client = link.trunk()
    await client.mset({f"{key_prefix}:{number}": number for number in range(50)})
    calls = [asyncio.create_task(client.get(f"{key_prefix}:{number}")) for number in range(50)]
    await asyncio.sleep(0)
    for call in calls[::3]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for number, answer in enumerate(answers):
        assert answer == b"%d" % number if number % 3 else isinstance(answer, asyncio.CancelledError)


async def test_a_lost_link_fails_all_that_wait_and_the_next_call_goes_over_a_new_one(valkey: ValkeyServer) -> None:
    async with proxy_to(valkey.port) as proxy:
        link = Link(f"redis://{urlsplit(proxy.url).netloc}", Keys("trunk"))
        client: Client = link.trunk(timeout_s=0.5)
        assert await client.ping()
        proxy.silent = True
        waiting = await asyncio.gather(*(client.ping() for _ in range(20)), return_exceptions=True)
        assert all(isinstance(fault, redis_errors.ConnectionError) for fault in waiting)
        proxy.silent = False
        await eventually(lambda: _answers(client))
        calls = [asyncio.create_task(client.ping()) for _ in range(20)]
        proxy.cut()
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            assert answer is True or isinstance(answer, redis_errors.ConnectionError | OSError)
        await eventually(lambda: _answers(client))
        await link.aclose()


async def test_a_closed_client_fails_what_waits(valkey: ValkeyServer) -> None:
    link = Link(valkey.url, Keys("trunk"))
    client = link.trunk()
    await client.ping()
    call = asyncio.create_task(client.blpop(["trunk:nothing"], timeout=30))
    await asyncio.sleep(0)
    await link.aclose()
    with pytest.raises(redis_errors.ConnectionError):
        await call
    with pytest.raises(redis_errors.RedisError):
        await client.ping()


async def _answers(client: Client) -> bool:
    try:
        return bool(await client.ping())
    except (redis_errors.RedisError, OSError):
        return False
