"""Leases on a real server: one holder, cancelled when it loses the lease, and nobody waits for a holder that left."""

from __future__ import annotations

import asyncio
import signal

import pytest

from registry.lease import Lease, LeaseLost
from streams.keys import Keys
from streams.link import Link
from tests.support.nodes import eventually
from tests.support.valkey import ValkeyServer


def lease(link: Link, ttl_s: float = 5.0) -> Lease:
    return Lease(link, link.client(connections=2, timeout_s=1.0), "work", ttl_s)


class Work:
    """Work that lasts until it is told to end."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.end = asyncio.Event()
        self.cancelled = False

    async def __call__(self) -> None:
        self.started.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_a_second_holder_is_refused_until_the_first_is_done(link: Link) -> None:
    work, other = Work(), Work()
    other.end.set()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(lease(link).run(work))
        await work.started.wait()
        assert await lease(link).run(other) is False
        work.end.set()
    assert first.result() is True
    assert await lease(link).run(other) is True


async def test_a_lease_is_renewed_for_as_long_as_the_work_lasts(link: Link) -> None:
    work, ttl_s = Work(), 0.3
    running = asyncio.create_task(lease(link, ttl_s).run(work))
    await work.started.wait()
    started_at = asyncio.get_running_loop().time()
    key, client = link.keys.lease("work"), link.client()

    async def outlived() -> bool:
        assert await client.exists(key)
        return asyncio.get_running_loop().time() > started_at + 4 * ttl_s

    await eventually(outlived)
    work.end.set()
    assert await running
    assert not await client.exists(key)


async def test_work_is_cancelled_when_another_has_the_lease_and_the_other_keeps_it(link: Link) -> None:
    work, client, key = Work(), link.client(), link.keys.lease("work")
    running = asyncio.create_task(lease(link, 0.3).run(work))
    await work.started.wait()
    await client.set(key, "another")
    with pytest.raises(LeaseLost, match="somebody else"):
        await running
    assert work.cancelled
    assert await client.get(key) == b"another"


async def test_work_is_cancelled_when_the_server_falls_silent(own_valkey: ValkeyServer, key_prefix: str) -> None:

    link, work = Link(own_valkey.url, Keys(key_prefix)), Work()
    running = asyncio.create_task(lease(link, 0.6).run(work))
    await work.started.wait()
    own_valkey.signal(signal.SIGSTOP)
    with pytest.raises(LeaseLost, match="could not be renewed"):
        await running
    assert work.cancelled
    own_valkey.signal(signal.SIGCONT)
    await link.aclose()


async def test_what_the_work_raises_comes_out_and_the_lease_is_free(link: Link) -> None:
    async def fails() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError):
        await lease(link).run(fails)
    assert not await link.client().exists(link.keys.lease("work"))
