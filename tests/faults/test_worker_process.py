"""Real worker processes that are killed, cut off and stopped at chosen points. Nothing is folded twice or missing.

A worker stands still inside its transaction while a test holds a lock on the table of messages: that is how a test
chooses the point.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from dataclasses import dataclass, replace
from typing import Any

import pytest

from archive import Archive
from streams.append import Appender, NewEntry
from streams.deadletters import DeadLetters
from streams.entry import Position
from streams.keys import JOB_GROUP, Keys
from streams.link import Client, Link
from tests.support.nodes import DEADLINE_S, Fleet, Process, eventually
from tests.support.postgres import Postgres
from tests.support.proxy import proxy_to
from tests.support.stalls import away, cut_off, held, worker_waits
from tests.support.valkey import ValkeyServer, free_port, running_appender

ROOM = "user:owner"
FAST: dict[str, Any] = {"fold_window_ms": 20, "claim_after_s": 1, "sweep_interval_s": 0.5}


def delta(text: str, room: str = ROOM) -> NewEntry:
    body = {"chat_id": f"chat-{room}", "message_id": "m", "data": {"type": "message", "data": {"content": text}}}
    return NewEntry(room, "events", json.dumps(body).encode())


@dataclass(frozen=True)
class Sight:
    """What a test sees of the log and the tables, without any worker's help."""

    link: Link
    client: Client
    archive: Archive

    async def content(self, room: str = ROOM) -> str:
        chat = await self.archive.chat(f"chat-{room}")
        return chat.messages["m"].content if chat else ""

    async def folded(self, position: Position, room: str = ROOM) -> None:
        """Wait until SQL has the room up to the position."""

        async def there() -> bool:
            return (await self.archive.stored([room]))[room] >= position

        await eventually(there, DEADLINE_S)

    async def jobs(self) -> int:
        return int(await self.client.xlen(self.link.keys.jobs))

    async def jobs_are_done(self) -> None:
        async def done() -> bool:
            return await self.jobs() == 0

        await eventually(done, DEADLINE_S)

    async def reports(self) -> list[dict[str, Any]]:
        return [json.loads(report) for report in await self.client.hvals(self.link.keys.workers)]


@pytest.fixture
def sight(link: Link, archive: Archive) -> Sight:
    return Sight(link, link.client(), archive)


async def exit_code(worker: Process) -> int:
    """Wait until the worker has ended by itself."""
    assert worker.process is not None
    return await asyncio.to_thread(worker.process.wait, DEADLINE_S)


async def test_killed_between_commit_and_acknowledgement_nothing_is_folded_twice(
    fleet: Fleet,
    valkey: ValkeyServer,
    database_url: str,
    sight: Sight,
    appender: Appender,
) -> None:
    async with proxy_to(valkey.port) as proxy:
        cut_off = replace(fleet, redis_url=f"redis://127.0.0.1:{proxy.port}")
        async with held(database_url, "messages"):
            worker = cut_off.worker(**FAST)
            position = (await appender.append(delta("once"))).position
            await worker_waits(database_url)
            proxy.silent = True
        await sight.folded(position)
        assert await sight.jobs() == 1
        worker.kill()
    fleet.worker(**FAST)
    await sight.jobs_are_done()
    assert await sight.content() == "once"


async def test_killed_before_the_commit_nothing_is_missing(
    fleet: Fleet, database_url: str, sight: Sight, appender: Appender
) -> None:
    async with held(database_url, "messages"):
        worker = fleet.worker(**FAST)
        position = (await appender.append(delta("kept"))).position
        await worker_waits(database_url)
        worker.kill()
        await cut_off(database_url)  # a commit is one statement, which PostgreSQL would end without the worker
    assert await sight.content() == ""
    fleet.worker(**FAST)
    await sight.folded(position)
    await sight.jobs_are_done()
    assert await sight.content() == "kept"


async def test_workers_killed_again_and_again_store_every_entry_once(
    fleet: Fleet, sight: Sight, appender: Appender
) -> None:
    rooms = [f"user:u{n}" for n in range(4)]
    workers = [fleet.worker(**FAST), fleet.worker(**FAST)]
    last: dict[str, Position] = {}
    for n in range(60):
        for room in rooms:
            last[room] = (await appender.append(delta(f"{n},", room))).position
        if n % 20 == 10:
            await sight.folded(last[rooms[0]], rooms[0])  # both are at work, so the kill hits something
            workers[n // 20 % 2].kill()
            workers.append(fleet.worker(**FAST))
    for room in rooms:
        await sight.folded(last[room], room)
        assert await sight.content(room) == "".join(f"{n}," for n in range(60))
    await sight.jobs_are_done()


async def test_a_worker_that_was_suspended_does_not_store_what_another_has_stored(
    fleet: Fleet, database_url: str, sight: Sight, appender: Appender
) -> None:
    async with held(database_url, "messages"):
        suspended = fleet.worker(**FAST)
        await appender.append(delta("a"))
        await worker_waits(database_url)
        assert suspended.process is not None
        suspended.process.send_signal(signal.SIGSTOP)
        fleet.worker(**FAST)
        position = (await appender.append(delta("b"))).position
    suspended.process.send_signal(signal.SIGCONT)
    await sight.folded(position)
    await sight.jobs_are_done()
    assert await sight.content() == "ab"


async def test_without_the_database_jobs_are_held_and_stored_when_it_is_back(
    fleet: Fleet,
    postgres: Postgres,
    database_url: str,
    sight: Sight,
    appender: Appender,
) -> None:
    fleet.worker(**FAST)
    fleet.worker(**FAST)
    await sight.folded((await appender.append(delta("before;"))).position)
    with away(postgres, database_url):
        await appender.append(delta("during;"))

        async def seen() -> bool:
            return any(not report["sql_ok"] and report["jobs_held"] for report in await sight.reports())

        await eventually(seen, DEADLINE_S)
    position = (await appender.append(delta("after;"))).position
    await sight.folded(position)
    await sight.jobs_are_done()
    assert await sight.content() == "before;during;after;"

    async def well() -> bool:
        return all(report["sql_ok"] for report in await sight.reports())

    await eventually(well, DEADLINE_S)


async def test_the_log_restarts_from_its_file_and_the_worker_goes_on(
    own_fleet: Fleet, own_valkey: ValkeyServer, sight: Sight
) -> None:
    own_fleet.worker(**FAST)
    link = Link(own_valkey.url, Keys(own_fleet.key_prefix))
    async with running_appender(link) as appender:
        before = (await appender.append(delta("a"))).position
        await sight.folded(before)
        own_valkey.kill()
        waiting = asyncio.create_task(appender.append(delta("b")))
        own_valkey.start()
        after = (await waiting).position
        assert after > before
        await sight.folded(after)
    assert await sight.content() == "ab"
    await link.aclose()


async def test_sigterm_finishes_the_round_in_hand_and_leaves(
    fleet: Fleet, database_url: str, sight: Sight, appender: Appender
) -> None:
    async with held(database_url, "messages"):
        worker = fleet.worker(**FAST)
        await appender.append(delta("kept"))
        await worker_waits(database_url)
        assert worker.process is not None
        worker.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.process.wait(0.3)
    assert await exit_code(worker) == 0, worker.text()
    assert await sight.content() == "kept"
    assert await sight.jobs() == 0
    assert not await sight.client.xinfo_consumers(sight.link.keys.jobs, JOB_GROUP)
    assert await sight.reports() == []


async def test_a_second_sigterm_ends_it_at_once_and_nothing_is_lost(
    fleet: Fleet, database_url: str, sight: Sight, appender: Appender
) -> None:
    async with held(database_url, "messages"):
        worker = fleet.worker(**FAST)
        position = (await appender.append(delta("kept"))).position
        await worker_waits(database_url)
        assert worker.process is not None
        worker.process.send_signal(signal.SIGTERM)
        await eventually(lambda: "a second signal" in worker.text(), DEADLINE_S)
        worker.process.send_signal(signal.SIGTERM)
        assert await exit_code(worker) == -signal.SIGTERM
    fleet.worker(**FAST)
    await sight.folded(position)
    assert await sight.content() == "kept"


async def test_poison_is_parked_and_the_rest_goes_on(fleet: Fleet, sight: Sight, appender: Appender) -> None:
    fleet.worker(**FAST)
    await appender.append(delta("a"))
    await appender.append(NewEntry(ROOM, "events", b'{"chat_id": "c", "data": {"type": "message", "data": 7}}'))
    await sight.folded((await appender.append(delta("b"))).position)
    assert await sight.content() == "ab"
    (letter,) = await DeadLetters(sight.link, sight.client).page()
    assert letter.room == ROOM


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        ({"redis_url": "redis://127.0.0.1:{port}"}, 1, "REDIS_URL: no server answers"),
        ({"database_url": "postgresql://postgres@127.0.0.1:{port}/x"}, 1, "PostgreSQL at 127.0.0.1"),
        ({"fold_window_ms": "soon"}, 2, "FOLD_WINDOW_MS='soon'"),
    ],
)
async def test_what_keeps_a_worker_from_starting_is_one_clear_line(
    fleet: Fleet, settings: dict[str, str], code: int, words: str
) -> None:
    worker = fleet.worker(**{name: value.format(port=free_port()) for name, value in settings.items()})
    assert await exit_code(worker) == code
    lines = [line for line in worker.text().splitlines() if line]
    assert len(lines) == 1, worker.text()
    assert words in lines[0]
