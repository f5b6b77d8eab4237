"""The sweep on real servers: what is queued again, what is trimmed, what never is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import orjson
import pytest

from archive import Archive, Changes, RoomFold
from archive.documents import FoldedDocument, Outcome, StoredDocument
from archive.notes import note_deletion
from registry.lease import Lease
from registry.workers import WorkerFacts, Workers
from streams.append import Appender, NewEntry
from streams.documents import DocumentLog, Opening
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.jobs import Jobs
from streams.keys import Keys
from streams.link import Client, Link
from streams.replay import Gap, Page, Reader
from streams.rooms import Rooms
from tests.support.valkey import ValkeyServer, running_appender
from workers.config import WorkerConfig
from workers.sweeper import Sweeper

ROOM = "user:owner"


@dataclass
class Floor:
    """What a sweep works on."""

    link: Link
    client: Client
    archive: Archive
    appender: Appender
    jobs: Jobs
    documents: DocumentLog

    async def append(self, count: int, room: str = ROOM) -> list[Position]:
        answers = [self.appender.append(NewEntry(room, "e", b"1")) for _ in range(count)]
        return [answer.position for answer in await asyncio.gather(*answers)]

    async def fold_up_to(self, position: Position, room: str = ROOM) -> None:
        """Say in SQL that the room is folded up to the position."""
        before = (await self.archive.stored([room]))[room]
        result = await self.archive.commit([RoomFold(room, before, position, Changes())])
        assert result.moved == {room}

    async def sweep(self, retention_s: float = 3600, room_keep: int = 1000, **more: int) -> None:
        """One sweep."""
        config = WorkerConfig(retention_s=retention_s, room_keep=room_keep, **more)  # type: ignore[arg-type]
        lease, rooms = Lease(self.link, self.client, "sweep"), Rooms(self.link, self.client)
        workers = Workers(self.link.keys, self.client)
        sweeper = Sweeper(lease, rooms, self.jobs, self.documents, self.archive, workers, config, asyncio.Event())
        assert await lease.run(sweeper.sweep_once)

    async def kept(self, room: str = ROOM) -> list[Position]:
        return [Position.parse(item[0]) for item in await self.client.xrange(self.link.keys.room(room))]

    async def page_after(self, position: Position, room: str = ROOM) -> Page | Gap:
        reader = Reader(self.link, self.client)
        return await reader.page({room: position}, await reader.position())


@pytest.fixture
async def floor(link: Link, archive: Archive, appender: Appender) -> Floor:
    jobs = Jobs(link, link.client(), "worker")
    await jobs.ensure_group()
    return Floor(link, link.client(), archive, appender, jobs, DocumentLog(link, link.client()))


async def test_nothing_is_trimmed_that_is_not_folded(floor: Floor) -> None:
    positions = await floor.append(20)
    await floor.fold_up_to(positions[4])
    await floor.sweep(retention_s=-10, room_keep=1)
    assert await floor.kept() == positions[5:]


async def test_a_full_server_is_swept_and_takes_appends_again(own_valkey: ValkeyServer, archive: Archive) -> None:
    """Also when a room is to be queued again, which needs memory."""
    link = Link(own_valkey.url, Keys("full"))
    async with running_appender(link) as appender:
        client = link.client()
        jobs = Jobs(link, client, "worker")
        await jobs.ensure_group()
        floor = Floor(link, client, archive, appender, jobs, DocumentLog(link, client))
        large = [appender.append(NewEntry(ROOM, "e", b"1" * 50_000)) for _ in range(100)]
        positions = [answer.position for answer in await asyncio.gather(*large)]
        await floor.fold_up_to(positions[-1])
        await floor.append(1, "user:unfolded")
        await client.delete(link.keys.jobs, link.keys.queued)
        await client.config_set("maxmemory", (await client.info("memory"))["used_memory"] - 1_000_000)
        with pytest.raises(LogUnavailable):
            await floor.append(1)
        await jobs.ensure_group()
        await floor.sweep(retention_s=-10)
        assert await floor.append(1)
    await link.aclose()


async def test_what_is_folded_is_kept_for_the_retention(floor: Floor) -> None:
    positions = await floor.append(20)
    await floor.fold_up_to(positions[-1])
    await floor.sweep(retention_s=3600)
    assert await floor.kept() == positions


async def test_a_room_above_its_length_is_trimmed_however_young(floor: Floor) -> None:
    positions = await floor.append(2500)
    await floor.fold_up_to(positions[-1])
    await floor.sweep(room_keep=10)
    assert await floor.kept() == positions[-10:]
    assert isinstance(await floor.page_after(positions[-12]), Gap)
    assert isinstance(await floor.page_after(positions[-11]), Page)


async def test_rooms_that_are_never_folded_are_trimmed_by_age_and_length(floor: Floor) -> None:
    positions = await floor.append(20, "chat:c")
    await floor.sweep(room_keep=5)
    assert await floor.kept("chat:c") == positions[-5:]
    await floor.sweep(retention_s=-10)
    assert await floor.kept("chat:c") == []


async def test_a_forgotten_room_is_not_taken_for_an_empty_one(floor: Floor) -> None:
    positions = await floor.append(3)
    await floor.fold_up_to(positions[-1])
    await floor.sweep(retention_s=-10)
    assert await floor.kept() == []
    assert not await floor.client.hlen(floor.link.keys.heads)
    assert isinstance(await floor.page_after(positions[0]), Gap)
    assert isinstance(await floor.page_after(positions[-1]), Page)


async def test_a_room_that_lost_its_job_is_queued_again(floor: Floor) -> None:
    await floor.append(1)
    await floor.client.xtrim(floor.link.keys.jobs, maxlen=0)
    await floor.sweep()
    assert [job.room for job in await floor.jobs.take(10, 1)] == [ROOM]
    await floor.sweep()
    assert await floor.jobs.waiting() == 1


DOCUMENT_ROOM = "doc_note:n"


async def fold_document(floor: Floor, position: Position) -> None:
    """Say in SQL that the document is folded up to the position."""
    before = await floor.archive.documents.stored("note:n") or StoredDocument("note:n")
    assert await floor.archive.documents.commit(FoldedDocument(before, "1", position)) is Outcome.STORED


async def test_a_document_that_is_ahead_of_sql_and_not_due_is_made_due(floor: Floor) -> None:
    positions = await floor.append(3, DOCUMENT_ROOM)
    await fold_document(floor, positions[1])
    assert await floor.documents.waiting([DOCUMENT_ROOM]) == set()
    await floor.sweep()
    assert [claim.room for claim in await floor.documents.claim(10, 60_000)] == [DOCUMENT_ROOM]
    await floor.sweep()
    assert await floor.documents.claim(10, 60_000) == []
    assert await floor.jobs.waiting() == 0


async def test_a_document_that_is_folded_is_not_made_due(floor: Floor) -> None:
    await fold_document(floor, (await floor.append(3, DOCUMENT_ROOM))[-1])
    await floor.sweep()
    assert await floor.documents.waiting([DOCUMENT_ROOM]) == set()


async def test_nothing_of_a_document_is_trimmed_that_sql_does_not_have(floor: Floor) -> None:
    positions = await floor.append(20, DOCUMENT_ROOM)
    await floor.sweep(retention_s=-10, room_keep=1)
    assert await floor.kept(DOCUMENT_ROOM) == positions
    await fold_document(floor, positions[4])
    await floor.sweep(retention_s=-10, room_keep=1)
    assert await floor.kept(DOCUMENT_ROOM) == positions[5:]


async def test_folded_updates_that_take_too_much_are_dropped_however_young(floor: Floor) -> None:
    entries = [NewEntry(DOCUMENT_ROOM, "e", b"1", binary=bytes([n]) * 10_000) for n in range(100)]
    answers = await asyncio.gather(*(floor.appender.append(entry) for entry in entries))
    positions = [answer.position for answer in answers]
    await fold_document(floor, positions[29])
    await floor.sweep(document_keep_bytes=100_000)
    assert await floor.kept(DOCUMENT_ROOM) == positions[30:]
    await fold_document(floor, positions[-1])
    await floor.sweep(document_keep_bytes=300_000)
    assert 10 < len(await floor.kept(DOCUMENT_ROOM)) < 50


async def test_a_documents_hash_goes_with_its_room(floor: Floor) -> None:
    positions = await floor.append(3, DOCUMENT_ROOM)
    assert await floor.documents.open(DOCUMENT_ROOM, Opening("1", {7: 3}, head=positions[-1]))
    await fold_document(floor, positions[-1])
    await floor.sweep(retention_s=3600)
    assert await floor.documents.vector(DOCUMENT_ROOM) is not None
    await floor.sweep(retention_s=-10)
    assert await floor.kept(DOCUMENT_ROOM) == []
    assert await floor.documents.vector(DOCUMENT_ROOM) is None


async def test_what_is_kept_of_a_deleted_notes_document_goes(floor: Floor) -> None:
    positions = await floor.append(3, DOCUMENT_ROOM)
    await floor.documents.open(DOCUMENT_ROOM, Opening("1", {}, head=positions[-1]))
    await floor.documents.make_due(DOCUMENT_ROOM)
    rows = note_deletion("n", {}, Position.ZERO).rows
    await floor.archive.commit([RoomFold("note:n", Position.ZERO, Position(1, 0), Changes(rows=rows))])
    await floor.sweep(retention_s=-10)
    assert await floor.documents.vector(DOCUMENT_ROOM) is None
    assert await floor.documents.waiting([DOCUMENT_ROOM]) == set()
    assert await floor.kept(DOCUMENT_ROOM) == []


async def test_reports_of_dead_workers_are_removed(floor: Floor) -> None:
    workers, key = Workers(floor.link.keys, floor.client), floor.link.keys.workers
    await workers.report("dead", WorkerFacts())
    report = orjson.loads(await floor.client.hget(key, "dead"))
    await floor.client.hset(key, "dead", orjson.dumps(report | {"time": report["time"] - 120}))
    await workers.report("alive", WorkerFacts())
    await floor.sweep()
    assert await floor.client.hkeys(key) == [b"alive"]
