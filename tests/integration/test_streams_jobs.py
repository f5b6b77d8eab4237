"""The job stream on a real server: a room is queued once, and no job is lost with its holder."""

from __future__ import annotations

import asyncio

import pytest

from streams.append import Appender, NewEntry
from streams.entry import Position
from streams.jobs import Job, Jobs
from streams.keys import JOB_GROUP
from streams.link import Client, Link

ROOM = "user:owner"


@pytest.fixture
def client(link: Link) -> Client:
    return link.client()


@pytest.fixture
async def jobs(link: Link, client: Client) -> Jobs:
    made = Jobs(link, client, "one")
    await made.ensure_group()
    return made


async def append(appender: Appender, count: int = 1, room: str = ROOM) -> list[Position]:
    answers = [appender.append(NewEntry(room, "e", b"1")) for _ in range(count)]
    return [answer.position for answer in await asyncio.gather(*answers)]


async def test_a_room_is_queued_once_however_much_is_appended(jobs: Jobs, appender: Appender) -> None:
    await append(appender, 50)
    await append(appender, 1, "chat:never folded")
    assert [job.room for job in await jobs.take(10, 1)] == [ROOM]


async def test_a_room_with_newer_entries_is_queued_again_behind_the_others(jobs: Jobs, appender: Appender) -> None:
    first, _ = await append(appender, 2)
    (job,) = await jobs.take(10, 1)
    await append(appender, 1, "user:other")
    assert await jobs.release({job: first}) == {ROOM}
    assert [job.room for job in await jobs.take(10, 1)] == ["user:other", ROOM]


async def test_a_job_that_another_worker_ended_is_not_ended_again(
    link: Link, jobs: Jobs, appender: Appender, client: Client
) -> None:
    """Its late holder would take the room from the queue while a newer job of it is held."""
    first = (await append(appender))[0]
    (job,) = await jobs.take(10, 1)
    assert await jobs.release({job: first}) == set()
    second = (await append(appender))[0]
    assert await jobs.release({job: second}) == set()
    assert await client.sismember(link.keys.queued, ROOM)
    assert await client.hget(link.keys.folded, ROOM) == str(first).encode()


async def test_a_consumer_that_holds_jobs_is_not_removed(link: Link, jobs: Jobs, appender: Appender) -> None:
    await append(appender)
    assert await jobs.take(10, 1)
    other = Jobs(link, link.client(), "other")
    assert not await jobs.leave()
    assert await other.forget_consumers(-1) == []
    assert [job.room for job in await other.claim(0, 10)] == [ROOM]
    assert await jobs.leave()


async def test_silent_jobs_are_found_behind_any_number_of_busy_ones(link: Link, jobs: Jobs, client: Client) -> None:
    """XAUTOCLAIM looks at ten entries for each that it may claim."""
    for number in range(60):
        await client.xadd(link.keys.jobs, {"room": f"user:{number}"})
    held = await jobs.take(60, 1)
    now_ms = 60_000
    await client.xclaim(link.keys.jobs, JOB_GROUP, "one", 0, [held[-1].id], idle=now_ms, justid=True)
    assert await Jobs(link, client, "two").claim(now_ms // 2, 1) == [held[-1]]


async def test_a_job_that_is_held_is_not_claimed(link: Link, jobs: Jobs, appender: Appender, client: Client) -> None:
    await append(appender)
    held: list[Job] = await jobs.take(10, 1)
    await client.xclaim(link.keys.jobs, JOB_GROUP, "one", 0, [held[0].id], idle=60_000, justid=True)
    await jobs.hold(held)
    assert await Jobs(link, client, "two").claim(30_000, 10) == []
