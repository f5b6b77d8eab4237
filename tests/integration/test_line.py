"""A line: one connection for one caller."""

from __future__ import annotations

import pytest
from redis import exceptions as redis_errors

from streams.keys import Keys
from streams.line import Line
from streams.link import Link
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
