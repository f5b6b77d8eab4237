"""The worker's loops on real servers, inside the test's own loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import pytest

from archive import Archive, StoredChat, open_pool
from streams.append import Appender, NewEntry
from streams.deadletters import DeadLetters
from streams.entry import Position
from streams.jobs import Jobs
from streams.keys import JOB_GROUP
from streams.link import Client, Link
from streams.rooms import Rooms
from tests.support.nodes import eventually
from workers.config import WorkerConfig
from workers.main import run_loops
from workers.persister import Persister
from workers.reclaimer import Reclaimer
from workers.tally import Tally

FAST = WorkerConfig(fold_window_s=0.02, claim_after_s=0.3, sweep_every_s=0.1)
ROOM = "user:owner"


def event(kind: str, data: Any, *, chat: str = "chat", message: str = "m1", room: str = ROOM) -> NewEntry:
    """An `events` entry as a node appends it."""
    body = {"chat_id": chat, "message_id": message, "data": {"type": kind, "data": data}}
    return NewEntry(room, "events", json.dumps(body).encode())


def delta(text: str, **names: str) -> NewEntry:
    return event("message", {"content": text}, **names)


async def append_all(appender: Appender, entries: list[NewEntry]) -> list[Position]:
    """Append these in order; returns their positions."""
    answers = await asyncio.gather(*(appender.append(entry) for entry in entries))
    return [answer.position for answer in answers]


@dataclass
class Hands:
    """One worker whose rounds the test calls by hand."""

    jobs: Jobs
    persister: Persister
    tally: Tally
    stop: asyncio.Event


class Shop:
    """Everything that a test of the worker holds: the log, the tables, and workers as many as it asks for."""

    def __init__(self, link: Link, archive: Archive) -> None:
        self.link = link
        self.archive = archive
        self.client: Client = link.client()
        self.rooms = Rooms(link, self.client)
        self.letters = DeadLetters(link, self.client)

    def worker(self, name: str = "one", config: WorkerConfig = FAST, archive: Archive | None = None) -> Hands:
        jobs, tally, stop = Jobs(self.link, self.client, name), Tally(), asyncio.Event()
        return Hands(jobs, Persister(self.link, jobs, archive or self.archive, config, tally, stop), tally, stop)

    @asynccontextmanager
    async def running(self, config: WorkerConfig = FAST) -> AsyncIterator[None]:
        """A whole worker at work; stopped in order at the end."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(run_loops(self.link, self.archive, config, stop))
            try:
                yield
            finally:
                stop.set()

    async def folded(self, room: str, position: Position) -> None:
        """Wait until the room is committed up to the position."""

        async def there() -> bool:
            return (await self.archive.stored([room]))[room] >= position

        await eventually(there)

    async def chat(self, chat_id: str = "chat") -> StoredChat:
        found = await self.archive.chat(chat_id)
        assert found is not None
        return found

    async def idle(self) -> bool:
        """Whether no room waits, and no job is held."""
        keys = self.link.keys
        return not await self.client.xlen(keys.jobs) and not await self.client.scard(keys.queued)


@pytest.fixture
async def shop(link: Link, archive: Archive) -> Shop:
    made = Shop(link, archive)
    await made.worker().jobs.ensure_group()
    return made


async def test_a_burst_of_deltas_is_one_transaction(shop: Shop, appender: Appender) -> None:
    positions = await append_all(appender, [delta(f"{n} ") for n in range(500)])
    hands = shop.worker()
    await hands.persister.persist_once()
    chat = await shop.chat()
    assert chat.messages["m1"].content == "".join(f"{n} " for n in range(500))
    assert chat.position == positions[-1]
    assert (hands.tally.transactions, hands.tally.folded_entries) == (1, 500)
    assert await shop.idle()


async def test_forty_concurrent_events_of_each_kind_are_all_stored(shop: Shop, appender: Appender) -> None:
    entries = []
    for n in range(40):
        source = {"source": {"name": str(n)}, "document": [], "metadata": []}
        entries += [delta(f"<{n}>"), event("source", source), event("status", {"description": str(n)})]
    async with shop.running():
        await shop.folded(ROOM, max(await append_all(appender, entries)))
    message = (await shop.chat()).messages["m1"]
    assert sorted(message.content.strip("<>").split("><"), key=int) == [str(n) for n in range(40)]
    assert len(message.sources) == len(message.status_history) == 40


async def test_a_worker_that_died_after_the_commit_folds_nothing_twice(
    shop: Shop, appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append_all(appender, [delta("once")])
    dead = shop.worker("dead")
    monkeypatch.setattr(dead.jobs, "release", _dies)  # the crash, between commit and XACK
    with pytest.raises(SystemError):
        await dead.persister.persist_once()
    assert (await shop.chat()).messages["m1"].content == "once"
    assert not await shop.idle()
    async with shop.running():
        await eventually(shop.idle)
    assert (await shop.chat()).messages["m1"].content == "once"


async def _dies(*_: object) -> None:
    raise SystemError("killed")


async def test_two_workers_on_one_room_store_each_entry_once(shop: Shop, appender: Appender) -> None:
    one, two = shop.worker("one"), shop.worker("two")
    await append_all(appender, [delta("a"), delta("b")])
    jobs = await one.jobs.take(10, 100)
    await asyncio.gather(one.persister.persist(jobs), two.persister.persist(jobs))
    await append_all(appender, [delta("c")])
    async with shop.running():
        await eventually(shop.idle)
    assert (await shop.chat()).messages["m1"].content == "abc"


async def test_a_poison_entry_is_parked_and_the_rest_goes_on(shop: Shop, appender: Appender) -> None:
    bad = NewEntry(ROOM, "events", b'{"chat_id": "chat", "message_id": "m1", "data": {"type": "message", "data": 7}}')
    positions = await append_all(appender, [delta("a"), bad, delta("b")])
    hands = shop.worker()
    await hands.persister.persist_once()
    chat = await shop.chat()
    assert (chat.messages["m1"].content, chat.position) == ("ab", positions[-1])
    (letter,) = await shop.letters.page()
    assert (letter.position, letter.data) == (str(positions[1]), bad.data)
    assert "data is a number" in letter.error
    assert await shop.idle()


async def test_what_the_database_refuses_is_found_and_parked(shop: Shop, appender: Appender, database_url: str) -> None:
    await _refuse_content(database_url, "POISON")
    rooms = [f"user:u{n}" for n in range(5)]
    entries = [delta(f"{n};", room=room, chat=f"c-{room}") for room in rooms for n in range(8)]
    entries.insert(20, delta("POISON", room=rooms[2], chat=f"c-{rooms[2]}"))
    await append_all(appender, entries)
    await shop.worker().persister.persist_once()
    for room in rooms:
        assert (await shop.chat(f"c-{room}")).messages["m1"].content == "0;1;2;3;4;5;6;7;"
    (letter,) = await shop.letters.page()
    assert letter.room == rooms[2]
    assert await shop.idle()


async def _refuse_content(database_url: str, word: str) -> None:
    """A constraint that stands for whatever PostgreSQL may find wrong with a value."""
    statement = f"ALTER TABLE messages ADD CONSTRAINT no_poison CHECK (content NOT LIKE '%{word}%')"
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(statement.encode())


async def test_a_dead_letter_that_was_mended_is_stored_when_it_is_driven_again(
    shop: Shop, appender: Appender, database_url: str
) -> None:
    await _refuse_content(database_url, "POISON")
    await append_all(appender, [delta("a"), delta("POISON"), delta("b")])
    hands = shop.worker()
    await hands.persister.persist_once()
    (letter,) = await shop.letters.page()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(b"ALTER TABLE messages DROP CONSTRAINT no_poison")
    await shop.letters.retry(letter, appender)
    await hands.persister.persist_once()
    assert (await shop.chat()).messages["m1"].content == "abPOISON"
    assert await shop.letters.count() == 0


async def test_a_long_room_is_folded_in_slices_between_the_others(shop: Shop, appender: Appender) -> None:
    small = WorkerConfig(fold_window_s=0.0, round_rooms=2, round_entries=40, slice_entries_min=5)
    await append_all(appender, [delta(f"{n},") for n in range(200)])
    await append_all(appender, [delta("hi", room="user:other", chat="other")])
    hands = shop.worker(config=small)
    await hands.persister.persist_once()
    assert (await shop.chat("other")).messages["m1"].content == "hi"
    assert (await shop.chat()).messages["m1"].content == "".join(f"{n}," for n in range(20))
    while not await shop.idle():
        await hands.persister.persist_once()
    assert (await shop.chat()).messages["m1"].content == "".join(f"{n}," for n in range(200))


async def test_two_jobs_of_one_room_are_one_fold(shop: Shop, appender: Appender) -> None:
    await append_all(appender, [delta("a")])
    await shop.client.xadd(shop.link.keys.jobs, {"room": ROOM})
    hands = shop.worker()
    assert await hands.persister.persist_once() == 2
    assert (await shop.chat()).messages["m1"].content == "a"
    assert await shop.idle()


async def test_jobs_of_a_silent_worker_are_taken_over(shop: Shop, appender: Appender) -> None:
    await append_all(appender, [delta("a")])
    silent, lively = shop.worker("silent"), shop.worker("lively")
    assert await silent.jobs.take(1, 100)
    reclaimer = Reclaimer(lively.jobs, lively.persister, FAST, lively.tally, lively.stop)
    assert await eventually(reclaimer.reclaim_once) == 1
    assert lively.tally.claims == 1
    assert (await shop.chat()).messages["m1"].content == "a"


async def test_a_worker_that_holds_jobs_does_not_take_them_along(shop: Shop, appender: Appender) -> None:
    await append_all(appender, [delta("a")])
    leaving = shop.worker("leaving")
    assert await leaving.jobs.take(1, 100)
    assert not await leaving.jobs.leave()
    async with shop.running():
        await eventually(shop.idle)
    assert (await shop.chat()).messages["m1"].content == "a"
    assert await leaving.jobs.leave()
    assert not await shop.client.xinfo_consumers(shop.link.keys.jobs, JOB_GROUP)


async def test_a_database_restored_from_a_backup_is_folded_up_again(
    shop: Shop, appender: Appender, database_url: str
) -> None:
    positions = await append_all(appender, [delta("a"), delta("b")])
    async with shop.running():
        await eventually(shop.idle)
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await connection.execute(b"TRUNCATE rooms, chats, messages")
        await shop.folded(ROOM, positions[-1])
        await append_all(appender, [delta("c")])
        await eventually(shop.idle)
    assert (await shop.chat()).messages["m1"].content == "abc"


async def test_entries_that_are_gone_from_the_log_are_counted_and_the_rest_is_stored(
    shop: Shop, appender: Appender
) -> None:
    positions = await append_all(appender, [delta("a"), delta("b"), delta("c")])
    await shop.client.xdel(shop.link.keys.room(ROOM), str(positions[0]))
    hands = shop.worker()
    await hands.persister.persist_once()
    assert (await shop.chat()).messages["m1"].content == "bc"
    assert hands.tally.lost == 1


class Overtaken(Archive):
    """Something happens right behind its first answer."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def stored(self, rooms: Sequence[str]) -> dict[str, Position]:
        found = await super().stored(rooms)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found


async def test_what_another_worker_has_folded_and_trimmed_meanwhile_is_not_called_lost(
    shop: Shop, appender: Appender, database_url: str
) -> None:
    positions = await append_all(appender, [delta("a"), delta("b")])
    async with open_pool(database_url) as pool:
        archive = Overtaken(pool)
        slow, quick = shop.worker("slow", archive=archive), shop.worker("quick")
        jobs = await slow.jobs.take(10, 100)

        async def fold_and_trim() -> None:
            await quick.persister.persist(jobs)
            await shop.rooms.trim(ROOM, positions[1])

        archive.meanwhile = fold_and_trim
        await slow.persister.persist(jobs)
    assert (slow.tally.lost, slow.tally.folded_entries, quick.tally.folded_entries) == (0, 0, 2)
    assert (await shop.chat()).messages["m1"].content == "ab"
    assert await shop.idle()


async def test_a_worker_reports_what_it_does(shop: Shop, appender: Appender) -> None:
    async def reported() -> bool:
        reports = await shop.client.hvals(shop.link.keys.workers)
        return any(json.loads(report)["folded_entries"] == 1 for report in reports)

    async with shop.running():
        await append_all(appender, [delta("a")])
        await eventually(reported)
    assert await shop.client.hlen(shop.link.keys.workers) == 0


async def test_a_loop_that_dies_ends_the_whole_worker(shop: Shop, appender: Appender) -> None:
    class Broken(Archive):
        async def stored(self, rooms: Sequence[str]) -> dict[str, Position]:
            raise TypeError("a fault in the code")

    await append_all(appender, [delta("a")])
    broken = Broken(cast(Any, None))
    with pytest.raises(ExceptionGroup) as fault:
        await run_loops(shop.link, broken, FAST, asyncio.Event())
    assert fault.group_contains(TypeError)
    assert await shop.client.xlen(shop.link.keys.jobs) == 1
