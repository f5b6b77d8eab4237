"""The fold of documents on real servers and in real sandboxes: nothing is lost, and nobody stops a document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from archive import Archive
from archive.documents import FoldedDocument, Outcome, StoredDocument
from archive.notes import NOTES
from archive.patches import Changes
from archive.room_fold import RoomFold
from archive.yjs import decode_vector
from streams.append import Appender, NewEntry
from streams.document_change import FIRST_EPOCH
from streams.documents import LONGEST_WAIT_MS, Content, DocumentLog, FoldDue, Opening
from streams.entry import Position
from streams.errors import DocumentUnknown
from streams.keys import document_of
from streams.link import Link
from streams.replay import Reader
from streams.resets import reset_entry
from streams.rooms import Rooms
from tests.support.documents import DOCUMENT, ROOM, Editor, entry_of, poison, text_of
from tests.support.nodes import eventually
from tests.support.valkey import running_appender
from workers.compactor import Compactor, wait_ms
from workers.config import WorkerConfig
from workers.document_fold import Effort
from workers.sandbox import Folded, Sandbox, SandboxDied, SandboxStarved
from workers.tally import Tally

NOW = FoldDue(quiet_ms=0, longest_ms=0)
FAST = WorkerConfig(claim_after_s=30, fold_due=NOW)


@dataclass
class Desk:
    """Everything that a test of the fold holds."""

    link: Link
    archive: Archive
    appender: Appender
    documents: DocumentLog
    sandbox: Sandbox
    tally: Tally = field(default_factory=Tally)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def compactor(self, sandbox: Sandbox | None = None, config: WorkerConfig = FAST) -> Compactor:
        client = self.link.client()
        rooms, reader = Rooms(self.link, client), Reader(self.link, client)
        given = sandbox or self.sandbox
        return Compactor(self.documents, reader, rooms, self.archive, given, config, self.tally, self.stop)

    async def push(self, *updates: bytes, **more: Any) -> Position:
        """Append these in order; returns the last position."""
        answers = await asyncio.gather(*(self.appender.append(entry_of(update, **more)) for update in updates))
        return answers[-1].position

    async def fold(self, **options: Any) -> StoredDocument:
        """Fold until nothing is due, nor will be: what ended sandboxes waits."""
        compactor = self.compactor(**options)

        async def done() -> bool:
            while await compactor.compact_once():
                pass
            return ROOM not in await self.documents.waiting([ROOM])

        await eventually(done, 60)
        return await self.stored()

    async def stored(self) -> StoredDocument:
        found = await self.archive.documents.stored(DOCUMENT)
        assert found is not None
        return found


@pytest.fixture
async def desk(link: Link, archive: Archive) -> AsyncIterator[Desk]:
    """A desk with an empty document that is open."""
    documents = DocumentLog(link, link.client(), NOW)
    await documents.open(ROOM, Opening(FIRST_EPOCH, {}))
    sandbox = Sandbox()
    async with running_appender(link, fold_due=NOW) as appender:
        yield Desk(link, archive, appender, documents, sandbox)
    await sandbox.aclose()


async def test_updates_become_a_state_with_its_position_and_vector(desk: Desk) -> None:
    alice, bob = Editor(1), Editor(2)
    first = alice.type("hello")
    bob.see(first)
    position = await desk.push(first, bob.type(" world"), alice.type("!"))
    found = await desk.fold()
    assert sorted(text_of(found.state)) == sorted("hello world!")
    assert (found.position, found.epoch) == (position, FIRST_EPOCH)
    assert decode_vector(found.vector).clocks == {1: 6, 2: 6}
    assert await desk.documents.waiting([ROOM]) == set()
    opened = await desk.documents.vector(ROOM)
    assert opened is not None
    assert opened.size_bytes == len(found.state)


async def test_a_fold_goes_on_from_what_is_stored(desk: Desk) -> None:
    alice = Editor()
    for word in ("one ", "two ", "three"):
        await desk.push(alice.type(word))
        assert text_of((await desk.fold()).state) == alice.text
    assert [version.number for version in await desk.archive.documents.history(DOCUMENT)] == [3, 2, 1]


async def test_a_backlog_is_folded_in_bounded_rounds(desk: Desk) -> None:
    alice = Editor()
    await desk.push(*(alice.type(f"{n};") for n in range(100)))
    small = replace(FAST, document_entries=30)
    compactor = desk.compactor(config=small)
    assert await compactor.compact_once()
    assert text_of((await desk.stored()).state) == "".join(f"{n};" for n in range(30))
    assert text_of((await desk.fold(config=small)).state) == alice.text
    assert desk.tally.transactions == 4


async def test_a_round_ends_with_the_update_that_fills_it(desk: Desk) -> None:
    alice = Editor()
    await desk.push(*(alice.type("x" * 1000) for n in range(10)))
    await desk.fold(config=replace(FAST, document_bytes=2500))
    assert desk.tally.transactions == 4
    assert text_of((await desk.stored()).state) == "x" * 10_000


async def test_of_two_workers_on_one_document_one_stores_and_the_other_drops_its_fold(desk: Desk) -> None:
    alice = Editor()
    await desk.push(alice.type("once"))
    slow = Held()
    losing = asyncio.create_task(desk.compactor(slow).compact_once())
    await slow.entered.wait()
    await desk.link.client(connections=1).zadd(desk.link.keys.documents_due, {ROOM: 0})  # its lease ends
    found = await desk.fold()
    slow.go.set()
    await losing
    await slow.aclose()
    assert (await desk.stored()) == found
    assert text_of(found.state) == "once"
    await desk.push(alice.type(" more"))
    assert text_of((await desk.fold()).state) == "once more"


class Held(Sandbox):
    """A sandbox whose fold waits for a word."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go = asyncio.Event(), asyncio.Event()

    async def fold(self, snapshot: bytes, updates: Sequence[bytes]) -> Folded:
        self.entered.set()
        await self.go.wait()
        return await super().fold(snapshot, updates)


async def test_what_comes_during_a_fold_is_folded_next(desk: Desk) -> None:
    alice = Editor()
    await desk.push(alice.type("a"))
    slow = Held()
    folding = asyncio.create_task(desk.compactor(slow).compact_once())
    await slow.entered.wait()
    position = await desk.push(alice.type("b"))
    slow.go.set()
    assert await folding
    await slow.aclose()
    assert text_of((await desk.stored()).state) == "a"
    assert (await desk.fold()).position == position
    assert text_of((await desk.stored()).state) == "ab"


async def test_an_update_that_cannot_be_integrated_goes_into_quarantine_and_the_document_goes_on(desk: Desk) -> None:
    alice = Editor(1)
    await desk.push(*(alice.type(f"{n};") for n in range(20)))
    bad = poison(client=9, parent=1)
    at = await desk.push(bad, user="mallory")
    await desk.push(*(alice.type(f"{n};") for n in range(20)))
    found = await desk.fold()
    assert text_of(found.state) == alice.text
    (culprit,) = await desk.archive.documents.quarantined(DOCUMENT)
    assert (culprit.position, culprit.user_id, culprit.session) == (at, "mallory", "sid of mallory")
    assert culprit.update == bad
    assert culprit.error.startswith("Refused")
    assert desk.tally.quarantined == 1
    await desk.push(alice.type("on"))
    assert text_of((await desk.fold()).state) == alice.text


async def test_many_poisoned_updates_are_all_found(desk: Desk) -> None:
    alice = Editor(1)
    await desk.push(alice.type("start "))
    for client in (7, 8, 9):
        await desk.push(poison(client, parent=1), alice.type(f"{client} "), user=f"u{client}")
    found = await desk.fold()
    assert text_of(found.state) == "start 7 8 9 "
    assert {one.user_id for one in await desk.archive.documents.quarantined(DOCUMENT)} == {"u7", "u8", "u9"}


async def test_a_document_with_much_poison_lets_others_be_folded_in_between(desk: Desk) -> None:
    """One worker with one loop: the honest document has its turn while the other one is being worked on."""
    honest = "doc_note:honest"
    await desk.documents.open(honest, Opening(FIRST_EPOCH, {}))
    alice, bob = Editor(1), Editor(2)
    await desk.push(alice.type("start "), *(poison(client, parent=1) for client in range(10, 16)), alice.type("end"))
    compactor = desk.compactor(config=replace(FAST, document_effort=Effort(culprits=2)))
    assert await compactor.compact_once()
    await desk.push(bob.type("folded"), room=honest)

    async def folded() -> StoredDocument | None:
        await compactor.compact_once()
        return await desk.archive.documents.stored(document_of(honest))

    found: StoredDocument = await eventually(folded, 60)
    assert text_of(found.state) == "folded"
    assert len(await desk.archive.documents.quarantined(DOCUMENT)) < 6
    assert await desk.documents.waiting([ROOM]) == {ROOM}
    assert text_of((await desk.fold(config=replace(FAST, document_effort=Effort(culprits=2)))).state) == "start end"
    assert len(await desk.archive.documents.quarantined(DOCUMENT)) == 6


@pytest.mark.parametrize("effort", [Effort(culprits=1), Effort(search_s=0)])
async def test_a_search_that_ends_early_commits_what_it_has_and_goes_on_behind_it(desk: Desk, effort: Effort) -> None:
    alice = Editor(1)
    await desk.push(alice.type("a"), poison(8, parent=1), alice.type("b"), poison(9, parent=1), alice.type("c"))
    compactor = desk.compactor(config=replace(FAST, document_effort=effort))
    assert await compactor.compact_once()
    first = await desk.stored()
    assert text_of(first.state) == "a"
    assert len(await desk.archive.documents.quarantined(DOCUMENT)) <= 1
    found = await desk.fold(config=replace(FAST, document_effort=effort))
    assert (text_of(found.state), found.number > first.number) == ("abc", True)
    assert len(await desk.archive.documents.quarantined(DOCUMENT)) == 2
    opened = await desk.documents.vector(ROOM)
    assert opened is not None
    assert opened.size_bytes == len(found.state)


async def test_a_document_that_no_sandbox_answered_for_waits_at_least_its_lease(desk: Desk) -> None:
    class Starved(Sandbox):
        async def fold(self, snapshot: bytes, updates: Sequence[bytes]) -> Folded:
            raise SandboxStarved("no answer")

    await desk.push(Editor().type("a"))
    compactor = desk.compactor(Starved())
    assert await compactor.compact_once()
    assert not await compactor.compact_once()


@pytest.mark.parametrize(("spent_s", "waits_ms"), [(0.0, 0), (7.5, 7_500), (1_000.0, LONGEST_WAIT_MS)])
def test_who_ended_sandboxes_waits_as_long_as_it_took_within_bounds(spent_s: float, waits_ms: int) -> None:
    assert wait_ms(spent_s) == waits_ms


class Frail(Sandbox):
    """A sandbox that a word in an update, or in the state, kills."""

    def __init__(self, word: bytes, deaths: int = 1 << 30) -> None:
        super().__init__()
        self._word, self._deaths = word, deaths

    async def fold(self, snapshot: bytes, updates: Sequence[bytes]) -> Folded:
        if self._deaths and any(self._word in part for part in (snapshot, *updates)):
            self._deaths -= 1
            raise SandboxDied("killed by SIGSEGV")
        return await super().fold(snapshot, updates)


async def test_an_update_whose_sandbox_died_once_is_not_blamed(desk: Desk) -> None:
    alice = Editor()
    await desk.push(alice.type("innocent"))
    frail = Frail(b"innocent", deaths=1)
    assert text_of((await desk.fold(sandbox=frail)).state) == "innocent"
    await frail.aclose()
    assert await desk.archive.documents.quarantined(DOCUMENT) == []


async def test_a_stored_state_that_no_sandbox_survives_is_merged_without_one(desk: Desk) -> None:
    alice = Editor()
    await desk.push(alice.type("deadly "))
    await desk.fold()
    await desk.push(alice.type("and "), alice.type("on"))
    frail = Frail(b"deadly")
    found = await desk.fold(sandbox=frail)
    await frail.aclose()
    assert text_of(found.state) == "deadly and on"
    assert await desk.archive.documents.quarantined(DOCUMENT) == []


async def test_a_starved_sandbox_blames_nobody(desk: Desk) -> None:
    class Starved(Sandbox):
        async def fold(self, snapshot: bytes, updates: Sequence[bytes]) -> Folded:
            raise SandboxStarved("no answer")

    await desk.push(Editor().type("a"))
    assert await desk.compactor(Starved()).compact_once()
    assert await desk.archive.documents.stored(DOCUMENT) is None
    assert await desk.documents.waiting([ROOM]) == {ROOM}


async def test_a_reset_begins_a_history_and_keeps_the_one_before(desk: Desk) -> None:
    alice, old = Editor(1), Editor(2)
    await desk.push(alice.type("before"))
    restored = old.type("restored")
    appended = await desk.appender.append(reset_entry(ROOM, restored, {2: 8}, of=FIRST_EPOCH))
    opened = await desk.documents.vector(ROOM)
    assert opened is not None
    await desk.push(old.type(" and on"), epoch=opened.epoch)
    found = await desk.fold()
    assert (text_of(found.state), found.epoch) == ("restored and on", opened.epoch)
    assert found.position > appended.position
    first = await desk.archive.documents.version(DOCUMENT, 1)
    assert first is not None
    assert (text_of(first.state), first.epoch) == ("before", FIRST_EPOCH)


async def test_what_is_no_change_moves_the_position_alone(desk: Desk) -> None:
    position = (await desk.appender.append(NewEntry(ROOM, "e", b"{}"))).position
    await desk.documents.make_due(ROOM)
    found = await desk.fold()
    assert (found.position, found.number) == (position, 0)


async def test_content_is_stored_with_its_position_and_leaves_the_register(desk: Desk) -> None:
    position = await desk.push(Editor().type("a"))
    await desk.documents.content(ROOM, Content(position, b'{"md":"a"}'))
    found = await desk.fold()
    assert found.content is not None
    assert found.content.position == position
    assert await desk.documents.content_of(ROOM) is None
    await desk.documents.content(ROOM, Content(Position(1, 0), b'{"md":"old"}'))
    assert (await desk.fold()).content == found.content
    assert await desk.documents.waiting([ROOM]) == set()


async def test_content_that_the_database_refuses_is_left_out(desk: Desk, database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(b"ALTER TABLE documents ADD CONSTRAINT c CHECK (content->>'md' <> 'BAD')")
    position = await desk.push(Editor().type("a"))
    await desk.documents.content(ROOM, Content(position, b'{"md":"BAD"}'))
    found = await desk.fold()
    assert (found.content, text_of(found.state)) == (None, "a")
    assert await desk.documents.waiting([ROOM]) == set()


async def test_a_deleted_notes_document_is_not_stored_again(desk: Desk) -> None:
    rows: Any = {NOTES: {("n",): {"user_id": "u", "deleted": True}}}
    await desk.archive.commit([RoomFold("note:n", Position.ZERO, Position(1, 0), Changes(rows=rows))])
    await desk.push(Editor().type("a"))
    assert await desk.compactor().compact_once()
    assert await desk.archive.documents.stored(DOCUMENT) is None
    assert await desk.documents.waiting([ROOM]) == set()


async def test_entries_that_the_log_lost_are_counted_and_editors_are_asked_for_them(desk: Desk) -> None:
    alice = Editor()
    first = await desk.push(alice.type("a"))
    missing = alice.type("b")
    await desk.push(missing)
    await desk.push(alice.type("c"))
    client = desk.link.client(connections=1)
    (_, second, _) = [item[0] for item in await client.xrange(desk.link.keys.room(ROOM))]
    await client.xdel(desk.link.keys.room(ROOM), str(first), second)
    found = await desk.fold()
    assert desk.tally.lost == 1
    assert await desk.documents.vector(ROOM) is None  # whoever appends next opens it, by what SQL has
    assert decode_vector(found.vector).clocks == {}
    assert await desk.documents.open(ROOM, Opening(FIRST_EPOCH, {}, head=found.position, stored=found.position))
    await desk.push(alice.doc.get_update())
    assert text_of((await desk.fold()).state) == "abc"  # and what waited was kept


async def test_a_hash_that_outlived_what_sql_lost_is_not_believed(desk: Desk, database_url: str) -> None:
    alice = Editor()
    await desk.push(alice.type("lost "))
    at = (await desk.fold()).position
    rooms = Rooms(desk.link, client := desk.link.client(connections=2))
    await client.hset(desk.link.keys.epoch, "floor", str(at))
    await client.delete(desk.link.keys.room(ROOM))
    await client.hdel(desk.link.keys.heads, ROOM)
    assert await rooms.floor() == at
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(b"TRUNCATE documents CASCADE")
    await desk.push(alice.type("kept"))
    await desk.fold()
    with pytest.raises(DocumentUnknown):
        await desk.push(alice.type("!"))


async def test_positions_to_come_are_above_what_sql_has(desk: Desk) -> None:
    ahead = Position(9_000_000_000_000, 7)
    one = FoldedDocument(StoredDocument(DOCUMENT), FIRST_EPOCH, ahead)
    assert await desk.archive.documents.commit(one) is Outcome.STORED
    await desk.documents.make_due(ROOM)
    await desk.fold()
    assert await desk.push(Editor().type("a")) > ahead
    assert text_of((await desk.fold()).state) == "a"
