"""Batches of appends: what the entries of one batch know of each other, and what is kept of rooms."""

from __future__ import annotations

import asyncio
import signal

from streams.append import Appended, Appender, Copy, NewEntry
from streams.entry import Position
from streams.errors import RoomFull
from streams.keys import Keys
from streams.link import Link
from streams.replay import Page, Reader
from tests.support.nodes import eventually
from tests.support.valkey import ValkeyServer, running_appender

ENTRY = NewEntry("user:owner", "e", b'{"n":1}')


async def test_entries_of_one_batch_name_each_other_as_predecessors(link: Link, appender: Appender) -> None:
    rooms = ["user:a", "user:b", "user:a", "user:a", "user:b"]
    copied = NewEntry("user:a", "e", b'{"n":2}', copy=Copy("chat:c", b'"shared":true'))
    answers = await asyncio.gather(*(appender.append(NewEntry(room, "e", b"1")) for room in rooms))
    left_out = await appender.append(copied)
    reader = Reader(link, link.client())
    found = [
        (entry.room, entry.position, entry.prev)
        for room in ("user:a", "user:b")
        for entry in (await reader.tail_of(room, Position.ZERO))[1]  # type: ignore[index]  # a Gap would fail here
    ]
    at = [answer.position for answer in answers]
    assert found == [
        ("user:a", at[0], Position.ZERO),
        ("user:a", at[2], at[0]),
        ("user:a", at[3], at[2]),
        ("user:a", left_out.position, at[3]),
        ("user:b", at[1], Position.ZERO),
        ("user:b", at[4], at[1]),
    ]
    assert await reader.head("chat:c") == left_out.position  # nobody is there, but whoever comes is told


async def test_a_copy_and_its_room_are_one_chain_within_a_batch(link: Link, appender: Appender) -> None:
    await link.client().zadd(link.keys.members("chat:c"), {"s": 1e12})
    copied = NewEntry("user:a", "e", b'{"n":1}', copy=Copy("chat:c", b'"shared":true', skip="user:a"))
    await asyncio.gather(*(appender.append(entry) for entry in (copied, NewEntry("chat:c", "e", b"2"), copied)))
    reader = Reader(link, link.client())
    page = await reader.page({"chat:c": Position.ZERO}, await reader.position(), vouch=False)
    assert isinstance(page, Page)
    assert [entry.data for entry in page.entries] == [b'{"shared":true,"n":1}', b"2", b'{"shared":true,"n":1}']
    assert [entry.skip for entry in page.entries] == ["user:a", "", "user:a"]
    assert [entry.prev for entry in page.entries[1:]] == [entry.position for entry in page.entries[:-1]]


async def test_a_room_takes_no_more_than_its_cap_from_one_batch(link: Link) -> None:
    async with running_appender(link, room_cap=3) as appender:
        answers = await asyncio.gather(*(appender.append(ENTRY) for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Appended] * 3 + [RoomFull] * 2
    assert await Reader(link, link.client()).length(ENTRY.room) == 3


async def test_a_room_is_queued_for_a_worker_once(link: Link, appender: Appender) -> None:
    rooms = [NewEntry(room, "e", b"1") for room in ("user:a", "user:b", "chat:c", "user:a")]
    for _ in range(3):
        await asyncio.gather(*map(appender.append, rooms))
    jobs = await link.client().xrange(link.keys.jobs)
    assert [fields[b"room"] for _, fields in jobs] == [b"user:a", b"user:b"]


async def test_draining_waits_for_the_batch_that_is_on_its_way(own_valkey: ValkeyServer, key_prefix: str) -> None:
    link = Link(own_valkey.url, Keys(key_prefix))
    async with running_appender(link) as appender:
        await appender.append(ENTRY)
        own_valkey.signal(signal.SIGSTOP)
        late = asyncio.create_task(appender.append(ENTRY))
        for _ in range(10):
            await asyncio.sleep(0)
        draining = asyncio.create_task(appender.drain())
        for _ in range(10):
            await asyncio.sleep(0)
        own_valkey.signal(signal.SIGCONT)
        await draining
        assert late.done()
        assert late.result().position > Position.ZERO
    await link.aclose()


async def test_heads_are_never_found_by_walking_a_list(own_valkey: ValkeyServer, key_prefix: str) -> None:
    link = Link(own_valkey.url, Keys(key_prefix))
    async with running_appender(link) as appender:
        first = (await appender.append(ENTRY)).position
        with own_valkey.client() as look:
            assert look.object("encoding", link.keys.heads) == b"hashtable"
            assert look.hgetall(link.keys.heads) == {ENTRY.room.encode(): str(first).encode()}
            look.bgrewriteaof()  # into a snapshot, whose small hashes are loaded as lists
            await eventually(lambda: not look.info("persistence")["aof_rewrite_in_progress"])
        own_valkey.kill()
        own_valkey.start()
        await appender.append(ENTRY)
        with own_valkey.client() as look:
            assert look.object("encoding", link.keys.heads) == b"hashtable"
    await link.aclose()
