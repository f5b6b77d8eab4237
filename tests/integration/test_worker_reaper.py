"""The reaper: what dead nodes left is dropped, by one worker at a time."""

from __future__ import annotations

import asyncio

from app.direct import Page
from registry.directs import Directs, fence_of
from registry.lease import Lease
from registry.orphans import Orphans
from registry.pool import Pool, Pooled
from registry.usage import Usage
from streams.append import Appender, NewEntry
from streams.entry import Position
from streams.keys import direct_room
from streams.link import Link
from streams.rooms import Rooms
from tests.support.nodes import Fleet, Process, eventually
from tests.support.people import Person, people
from workers.config import WorkerConfig
from workers.reaper import LEASE, Reaper


async def test_expired_entries_and_lines_that_nobody_waits_for_are_dropped(link: Link, appender: Appender) -> None:
    client = link.client(connections=4)
    names = link.keys
    await client.zadd(names.users, {"gone": 1})
    await client.zadd(names.usage, {"model": 1})
    await Pool(names, client, 30).enter(Pooled("s", "here", "node/1"))
    await Usage(names, client).note("used")
    directs = Directs(names, client)
    for channel in ("dead:s:1", "live:s:1"):
        await directs.keep(channel)
        entry = NewEntry(direct_room(channel), "line", b'["",""]', fence=fence_of(channel))
        await appender.append(entry)
    await client.zadd(names.directs, {"dead:s:1": 1})
    floor = await Rooms(link, client).floor()

    stop = asyncio.Event()
    lease = Lease(link, client, LEASE)
    reaper = Reaper(lease, Orphans(names, client, LEASE), WorkerConfig(reap_every_s=0.05), stop)
    running = asyncio.create_task(reaper.run())

    async def dropped() -> bool:
        return not await client.exists(names.room(direct_room("dead:s:1")))

    await eventually(dropped)
    stop.set()
    await running
    assert await client.zrange(names.users, 0, -1) == [b"here"]
    assert await client.zrange(names.usage, 0, -1) == [b"used"]
    assert await client.zrange(names.directs, 0, -1) == [b"live:s:1"]
    assert await client.hkeys(names.heads) == [direct_room("live:s:1").encode()]
    assert await client.exists(names.run(direct_room("dead:s:1"))) == 0
    assert await client.exists(names.room(direct_room("live:s:1"))) == 1
    assert await Rooms(link, client).floor() == floor == Position.ZERO, "nobody else's history is doubted"
    assert await client.get(names.lease(LEASE)) is None


async def test_a_worker_that_lost_the_lease_drops_nothing(link: Link) -> None:
    client = link.client(connections=4)
    names = link.keys
    await client.zadd(names.users, {"gone": 1})
    directs = Directs(names, client)
    await directs.keep("dead:s:1")
    await client.zadd(names.directs, {"dead:s:1": 1})
    await client.set(names.lease(LEASE), "another worker's")
    orphans = Orphans(names, client, LEASE)
    assert await orphans.reap("mine") == 0
    assert await orphans.reap("") == 0
    assert await directs.reap(LEASE, "mine") == -1
    assert await client.zcard(names.users) == 1
    assert await client.zcard(names.directs) == 1
    assert await client.get(names.lease(LEASE)) == b"another worker's"


async def test_the_death_of_a_process_that_waits_for_a_direct_completion_leaves_nothing(fleet: Fleet) -> None:
    """A node of its own waits for the lines of a browser on another one, and is killed."""
    async with fleet.inside() as one, people(Person("alice")) as (alice,):
        await alice.at(one.url)
        client = one.node.link.client(connections=2)
        names = one.node.link.keys
        page = Page("alice", alice.get_sid() or "")
        program = (
            "import asyncio\nfrom app.direct import Page\nfrom app.main import open_node\n"
            "from app.settings import load_settings\n"
            "async def main():\n"
            "    async with open_node(load_settings()) as node:\n"
            f"        async with node.direct.complete({page!r}, {{}}, {{}}) as completion:\n"
            "            async for line in completion.lines():\n"
            "                print(line, flush=True)\n"
            "asyncio.run(main())\n"
        )
        channels: list[str] = []

        async def answer(body: object) -> dict[str, bool]:
            channels.append(body["data"]["data"]["channel"])  # type: ignore[index]
            return {"status": True}

        alice.answers["request:chat:completion"] = answer
        waiting = Process(["-c", program], fleet.env())
        fleet.processes.append(waiting)
        waiting.start()
        await eventually(lambda: channels, 30)
        assert await alice.call(channels[0], "a line") is True
        await eventually(lambda: "a line" in waiting.text())
        waiting.kill()
        orphans = Orphans(names, client, LEASE)
        await client.set(names.lease(LEASE), "ours")

        async def reaped() -> bool:
            return await orphans.reap("ours") > 0

        await eventually(reaped, 30)
        assert not await client.exists(names.room(direct_room(channels[0])))
        assert await client.zcard(names.directs) == 0
        assert await alice.call(channels[0], "late") is False
