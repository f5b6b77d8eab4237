"""What a case finds in the registry, noted by the same code as nodes use, but without a hundred thousand requests."""

from __future__ import annotations

import asyncio

from bench.peers.pysio import POOL
from bench.servers import ask_redis
from registry.pool import Pool, Pooled
from streams.keys import Keys
from streams.link import Link

AT_ONCE = 16
SLICE = 64
CONNECTED_MS = 1_763_700_000_000


async def fill_pool(redis_url: str, begin: int, end: int) -> None:
    """Note connected sessions [begin, end), two a user, as other nodes note theirs."""
    link = Link(redis_url, Keys())
    pool = Pool(link.keys, link.client(connections=AT_ONCE), ttl_s=3600)
    try:
        sessions = [Pooled(f"elsewhere{n}", f"e{n // 2}", f"other/{n}", CONNECTED_MS) for n in range(begin, end)]
        for start in range(0, len(sessions), SLICE):
            await asyncio.gather(*map(pool.enter, sessions[start : start + SLICE]))
    finally:
        await link.aclose()


async def fill_peer_pool(redis_port: int, begin: int, end: int) -> None:
    """The same in the pool of Open WebUI's set-up: a hash of JSON."""
    for start in range(begin, end, SLICE):
        pairs = [
            part
            for number in range(start, min(end, start + SLICE))
            for part in (
                f"elsewhere{number}",
                f'{{"id":"e{number // 2}","name":"User","role":"user","last_seen_at":1}}',
            )
        ]
        await ask_redis(redis_port, "HSET", POOL, *pairs)
