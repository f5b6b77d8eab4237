"""What an update must fit to be appended to a document's room, and when documents are handed out to be folded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import pytest

from streams.append import Appended, Appender, NewEntry, Once
from streams.document_change import FIRST_EPOCH, DocumentChange, Reset, new_epoch
from streams.documents import LONGEST_WAIT_MS, Claim, Content, DocumentLog, FoldDue, Opening, Progress
from streams.ending import end
from streams.entry import Entry, Position
from streams.errors import DocumentFull, DocumentGap, DocumentUnknown, OtherEpoch, RoomFull, Seeded
from streams.jobs import Jobs
from streams.keys import Keys
from streams.link import Link
from streams.replay import Page, Reader
from streams.tail import Tail
from tests.support.nodes import eventually
from tests.support.valkey import ValkeyServer, running_appender

ROOM = "doc_note:n"
DATA = b'{"document_id":"note:n","update":{"_placeholder":true,"num":0}}'
NOW = FoldDue(quiet_ms=0)
LEASE_MS = 60_000


def update(*spans: tuple[int, int, int], binary: bytes = b"\1\2\3", room: str = ROOM, **change: Any) -> NewEntry:
    """An entry that changes the document; of its first history, unless `epoch` says otherwise."""
    return NewEntry(
        room, "ydoc:document:update", DATA, binary=binary, change=DocumentChange(**{"epoch": "1"} | change, spans=spans)
    )


def reset(epoch: str, *spans: tuple[int, int, int], of: str = "", binary: bytes = b"whole") -> NewEntry:
    change = DocumentChange(of, spans, reset=Reset(epoch))
    return NewEntry(ROOM, "ydoc:document:epoch", b'{"document_id":"note:n"}', binary=binary, change=change)


@pytest.fixture
def documents(link: Link) -> DocumentLog:
    return DocumentLog(link, link.client())


@pytest.fixture
async def opened(documents: DocumentLog) -> DocumentLog:
    """The log with an empty document that is open."""
    assert await documents.open(ROOM, Opening(FIRST_EPOCH, {}))
    return documents


async def clocks(documents: DocumentLog, room: str = ROOM) -> dict[int, int]:
    found = await documents.vector(room)
    assert found is not None
    return dict(found.clocks)


async def entries(link: Link, room: str = ROOM) -> list[Entry]:
    reader = Reader(link, link.client(connections=1))
    page = await reader.page({room: Position.ZERO}, await reader.position(), vouch=False)
    assert isinstance(page, Page)
    return list(page.entries)


async def outcomes(answers: Iterable[Any]) -> list[Any]:
    """The types of what these calls, made in one turn and so in one batch, answered or raised."""
    return [type(answer) for answer in await asyncio.gather(*answers, return_exceptions=True)]


async def test_a_document_that_is_not_open_takes_nothing(appender: Appender, documents: DocumentLog) -> None:
    with pytest.raises(DocumentUnknown):
        await appender.append(update((7, 0, 1)))
    assert await documents.vector(ROOM) is None


async def test_an_update_advances_its_clients_and_an_entry_carries_it(
    appender: Appender, opened: DocumentLog, link: Link
) -> None:
    binary = bytes(range(256)) * 4
    position = (await appender.append(update((7, 0, 5), (2**53 - 1, 0, 3), binary=binary))).position
    found = await opened.vector(ROOM)
    assert found is not None
    assert (found.epoch, found.clocks, found.head) == ("1", {7: 5, 2**53 - 1: 3}, position)
    assert found.size_bytes == len(binary)
    (entry,) = await entries(link)
    assert (entry.data, entry.binary, entry.epoch, entry.reset) == (DATA, binary, "1", False)


async def test_the_tail_hands_out_what_the_room_has(appender: Appender, opened: DocumentLog, link: Link) -> None:
    seen: list[Entry] = []
    tail = Tail(
        link, [ROOM.encode(), b"chat:c"], lambda got, _: seen.extend(got), lambda *_: None, lambda _: None, pause_s=0
    )
    await tail.start()
    running = asyncio.create_task(tail.run())
    await appender.append(update((7, 0, 1), binary=b"\0bytes\xff"))
    await appender.append(NewEntry("chat:c", "e", b"{}", binary=b"only an attachment"))
    await appender.append(NewEntry(ROOM, "e", b"{}"))
    await appender.append(reset("two", (9, 0, 1), of="1"))
    await eventually(lambda: len(seen) == 4)
    await end([running])
    assert [entry for entry in seen if entry.room == ROOM] == await entries(link)
    assert [entry for entry in seen if entry.room == "chat:c"] == await entries(link, "chat:c")
    assert [(e.binary, e.epoch, e.reset) for e in seen] == [
        (b"\0bytes\xff", "1", False),
        (b"only an attachment", "", False),
        (b"", "", False),
        (b"whole", "two", True),
    ]


async def test_what_starts_past_the_clock_is_not_appended(appender: Appender, opened: DocumentLog, link: Link) -> None:
    await appender.append(update((7, 0, 5)))
    for gap in (update((7, 6, 7)), update((8, 1, 2)), update((7, 5, 6), (8, 1, 2))):
        with pytest.raises(DocumentGap):
            await appender.append(gap)
    assert await clocks(opened) == {7: 5}
    assert len(await entries(link)) == 1


async def test_what_needs_more_than_the_log_has_is_not_appended(appender: Appender, opened: DocumentLog) -> None:
    await appender.append(update((7, 0, 5)))
    with pytest.raises(DocumentGap):
        await appender.append(update((8, 0, 1), needs=[(7, 6)]))
    with pytest.raises(DocumentGap):
        await appender.append(update((8, 0, 1), needs=[(7, 5), (9, 1)]))
    with pytest.raises(DocumentGap):
        await appender.append(update(needs=[(7, 2), (7, 6), (7, 3)]))  # a deletion of what is not there
    await appender.append(update((8, 0, 3), needs=[(7, 5), (8, 3)]))  # its own structs count
    assert await clocks(opened) == {7: 5, 8: 3}


async def test_what_is_there_may_come_again_and_never_takes_a_clock_back(
    appender: Appender, opened: DocumentLog
) -> None:
    await appender.append(update((7, 0, 5)))
    await appender.append(update((7, 0, 3)))
    await appender.append(update((7, 3, 8)))
    assert await clocks(opened) == {7: 8}


async def test_updates_of_one_batch_see_each_other(appender: Appender, opened: DocumentLog, link: Link) -> None:
    batch = [update((7, 0, 5)), update((7, 9, 10)), update((7, 5, 6)), update((8, 0, 1), needs=[(7, 6)])]
    assert await outcomes(map(appender.append, batch)) == [Appended, DocumentGap, Appended, Appended]
    assert await clocks(opened) == {7: 6, 8: 1}
    assert len(await entries(link)) == 3


async def test_a_change_needs_an_attachment(appender: Appender) -> None:
    with pytest.raises(ValueError, match="attachment"):
        await appender.append(update((7, 0, 5), binary=b""))


async def test_documents_of_one_batch_do_not_see_each_other(appender: Appender, opened: DocumentLog) -> None:
    await opened.open("doc_note:m", Opening("1", {7: 5}))
    batch = [update((7, 0, 5)), update((7, 6, 7), room="doc_note:m"), update((7, 5, 6), room="doc_note:m")]
    assert await outcomes(map(appender.append, batch)) == [Appended, DocumentGap, Appended]
    assert await clocks(opened, "doc_note:m") == {7: 6}


async def test_a_batch_that_is_sent_again_changes_nothing_again(
    appender: Appender, opened: DocumentLog, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = appender._attempt

    async def lost(words: list[bytes]) -> list[bytes]:
        monkeypatch.undo()
        await attempt(words)
        raise ConnectionError("cut before the answer")

    monkeypatch.setattr(appender, "_attempt", lost)
    batch = [update((7, 0, 5)), update((7, 0, 5), seed=True), update((8, 1, 2)), update((7, 5, 6))]
    assert await outcomes(map(appender.append, batch)) == [Appended, Seeded, DocumentGap, Appended]
    assert len(await entries(link)) == 2
    found = await opened.vector(ROOM)
    assert found is not None
    assert found.size_bytes == 6


async def test_an_update_with_a_key_is_appended_once(appender: Appender, opened: DocumentLog, link: Link) -> None:
    entry = update((7, 0, 5))._replace(once=Once("s", "k"))
    first = await appender.append(entry)
    again = await appender.append(entry)
    assert (again.position, again.repeated) == (first.position, True)
    assert len(await entries(link)) == 1


async def test_the_first_seed_wins(appender: Appender, opened: DocumentLog) -> None:
    seeds = [update((client, 0, 1), seed=True) for client in (7, 8, 9)]
    assert await outcomes(map(appender.append, seeds)) == [Appended, Seeded, Seeded]
    assert await clocks(opened) == {7: 1}


async def test_an_update_of_another_history_is_refused_with_the_present_one(
    appender: Appender, opened: DocumentLog
) -> None:
    with pytest.raises(OtherEpoch) as fault:
        await appender.append(update((7, 0, 1), epoch="old"))
    assert fault.value.current == "1"


async def test_a_reset_begins_a_history_at_once(appender: Appender, opened: DocumentLog, link: Link) -> None:
    second = new_epoch()
    batch = [update((7, 0, 5)), reset(second, (9, 0, 2), of="1"), update((7, 5, 6)), update((9, 2, 3), epoch=second)]
    assert await outcomes(map(appender.append, batch)) == [Appended, Appended, OtherEpoch, Appended]
    found = await opened.vector(ROOM)
    assert found is not None
    assert (found.epoch, found.clocks, found.size_bytes) == (second, {9: 3}, len(b"whole") + 3)
    assert [(e.epoch, e.reset) for e in await entries(link)] == [("1", False), (second, True), (second, False)]
    with pytest.raises(OtherEpoch):
        await appender.append(reset("third", of="1"))


async def test_a_reset_of_whatever_history_needs_no_open_document(appender: Appender, documents: DocumentLog) -> None:
    with pytest.raises(DocumentUnknown):
        await appender.append(reset("two", of="1"))
    await appender.append(reset("two", (9, 0, 2)))
    assert await clocks(documents) == {9: 2}


async def test_a_document_above_its_size_takes_no_more(appender: Appender, opened: DocumentLog) -> None:
    await appender.append(update((7, 0, 1), binary=b"x" * 60, cap_bytes=100))
    with pytest.raises(DocumentFull) as fault:
        await appender.append(update((7, 1, 2), binary=b"x" * 41, cap_bytes=100))
    assert (fault.value.cap_bytes, fault.value.unfolded_bytes) == (100, 60)
    await appender.append(update((7, 1, 2), binary=b"x" * 40, cap_bytes=100))


async def test_a_full_room_takes_no_update_and_its_clocks_stay(link: Link, opened: DocumentLog) -> None:
    async with running_appender(link, room_cap=2) as small:
        batch = [update((7, clock, clock + 1)) for clock in range(3)]
        assert await outcomes(map(small.append, batch)) == [Appended, Appended, RoomFull]
    assert await clocks(opened) == {7: 2}


async def test_a_document_of_ten_thousand_clients(appender: Appender, opened: DocumentLog) -> None:
    many = {client: client % 7 + 1 for client in range(1, 10_001)}
    await opened.forget(ROOM)
    assert await opened.open(ROOM, Opening("1", many))
    assert await clocks(opened) == many
    await appender.append(update(*((client, clock, clock + 1) for client, clock in many.items())))
    assert await clocks(opened) == {client: clock + 1 for client, clock in many.items()}
    with pytest.raises(DocumentGap):
        await appender.append(update(needs=[(client, clock + 1) for client, clock in many.items()] + [(1, 9)]))


async def test_only_the_first_opens(opened: DocumentLog, appender: Appender) -> None:
    assert not await opened.open(ROOM, Opening("2", {7: 9}))
    assert await clocks(opened) == {}
    await appender.append(update((7, 0, 1)))
    await opened.forget(ROOM)
    assert not await opened.open(ROOM, Opening("1", {}))  # read before the update came
    found = (await opened.vector("doc_note:x"), await opened.vector(ROOM))
    assert found == (None, None)


async def test_positions_are_above_what_sql_has_when_a_document_is_opened(
    appender: Appender, documents: DocumentLog
) -> None:
    stored = Position(int(time.time() * 1000) + 3_600_000, 5)
    assert await documents.open(ROOM, Opening("1", {7: 5}, stored=stored, state_bytes=10))
    assert (await appender.append(update((7, 5, 6)))).position > stored
    found = await documents.vector(ROOM)
    assert found is not None
    assert found.size_bytes == 13


async def test_a_restarted_log_vouches_for_no_document(own_valkey: ValkeyServer) -> None:
    link = Link(own_valkey.url, Keys("own"))
    documents = DocumentLog(link, link.client())
    async with running_appender(link) as appender:
        await documents.open(ROOM, Opening("1", {}))
        position = (await appender.append(update((7, 0, 5)))).position
        own_valkey.kill()
        own_valkey.start()
        with pytest.raises(DocumentUnknown):
            await appender.append(update((7, 5, 6)))
        assert await documents.vector(ROOM) is None
        assert await documents.open(ROOM, Opening("1", {7: 5}, head=position))
        assert (await appender.append(update((7, 5, 6)))).position > position
    await link.aclose()


async def test_an_emptied_log_vouches_for_no_document(own_valkey: ValkeyServer) -> None:
    link = Link(own_valkey.url, Keys("own"))
    documents = DocumentLog(link, link.client())
    async with running_appender(link) as appender:
        await documents.open(ROOM, Opening("1", {}))
        position = (await appender.append(update((7, 0, 5)))).position
        own_valkey.client().flushall()
        with pytest.raises(DocumentUnknown):
            await appender.append(update((7, 5, 6)))
        assert await documents.open(ROOM, Opening("1", {7: 5}, stored=position))
        assert (await appender.append(update((7, 5, 6)))).position > position
    await link.aclose()


async def test_documents_are_not_the_persisters_business(appender: Appender, opened: DocumentLog, link: Link) -> None:
    await appender.append(update((7, 0, 1)))
    assert await Jobs(link, link.client(), "w").waiting() == 0


async def test_an_edited_document_is_due_after_a_quiet_while(link: Link, opened: DocumentLog) -> None:
    before_ms = time.time() * 1000
    async with running_appender(link, fold_due=FoldDue(quiet_ms=60_000, longest_ms=90_000)) as appender:
        await appender.append(update((7, 0, 1)))
    assert await opened.waiting([ROOM, "doc_note:m"]) == {ROOM}
    assert await opened.claim(10, LEASE_MS) == []
    at = await link.client(connections=1).zscore(link.keys.documents_due, ROOM)
    assert before_ms + 60_000 - 1 <= at <= time.time() * 1000 + 60_000


@pytest.mark.parametrize("due", [FoldDue(60_000, 60_000, updates=3), FoldDue(60_000, 60_000, update_bytes=9)])
async def test_many_updates_are_due_at_once(link: Link, opened: DocumentLog, due: FoldDue) -> None:
    async with running_appender(link, fold_due=due) as appender:
        for clock in range(3):
            assert await opened.claim(10, LEASE_MS) == []
            await appender.append(update((7, clock, clock + 1)))
    assert [claim.room for claim in await opened.claim(10, LEASE_MS)] == [ROOM]


async def test_a_document_that_is_edited_all_the_time_is_due_in_the_end(link: Link, opened: DocumentLog) -> None:
    async with running_appender(link, fold_due=FoldDue(quiet_ms=60_000, longest_ms=0)) as appender:
        await appender.append(update((7, 0, 1)))
    assert len(await opened.claim(10, LEASE_MS)) == 1


@pytest.fixture
async def claimed(link: Link, opened: DocumentLog) -> tuple[DocumentLog, Claim, Position]:
    """An update, and the claim of its document."""
    async with running_appender(link, fold_due=NOW) as appender:
        position = (await appender.append(update((7, 0, 1)))).position
    (claim,) = await opened.claim(10, LEASE_MS)
    return opened, claim, position


async def test_a_claimed_document_is_not_handed_out_again(
    claimed: tuple[DocumentLog, Claim, Position], link: Link
) -> None:
    documents, claim, position = claimed
    async with running_appender(link, fold_due=NOW) as appender:
        await appender.append(update((7, 1, 2)))
    assert await documents.claim(10, LEASE_MS) == []
    assert await documents.renew(claim, LEASE_MS)
    assert not await documents.renew(Claim(ROOM, "another"), LEASE_MS)
    assert not await documents.make_due(ROOM)
    assert not await documents.finish(Claim(ROOM, "another"), Progress("1", position, 3))


async def test_a_lease_that_ended_goes_to_another(claimed: tuple[DocumentLog, Claim, Position]) -> None:
    documents, claim, position = claimed
    assert await documents.renew(claim, 0)
    (other,) = await documents.claim(10, LEASE_MS)
    assert not await documents.renew(claim, LEASE_MS)
    assert not await documents.finish(claim, Progress("1", position, 3))
    assert await documents.finish(other, Progress("1", position, 3))
    assert await documents.waiting([ROOM]) == set()


async def test_a_finished_document_is_due_again_only_if_more_came(
    claimed: tuple[DocumentLog, Claim, Position], link: Link
) -> None:
    documents, claim, position = claimed
    async with running_appender(link, fold_due=NOW) as appender:
        last = (await appender.append(update((7, 1, 2), binary=b"x" * 10))).position
    assert await documents.finish(claim, Progress("1", position, 100, updates=1, update_bytes=3))
    found = await documents.vector(ROOM)
    assert found is not None
    assert found.size_bytes == 110
    assert await documents.waiting([ROOM]) == {ROOM}
    swift = DocumentLog(link, link.client(), NOW)
    (claim,) = await eventually(lambda: swift.claim(10, 3_000_000), 10)
    assert await swift.finish(claim, Progress("1", last, 105, updates=1, update_bytes=10))
    found = await swift.vector(ROOM)
    assert found is not None
    assert found.size_bytes == 105
    assert await swift.waiting([ROOM]) == set()


async def test_a_document_that_has_to_wait_is_not_due_before_whatever_is_appended(
    claimed: tuple[DocumentLog, Claim, Position], link: Link
) -> None:
    documents, claim, position = claimed
    async with running_appender(link, fold_due=NOW) as appender:
        assert await documents.finish(claim, Progress("1", position, 3, more=True, wait_ms=LONGEST_WAIT_MS))
        last = (await appender.append(update((7, 1, 2)))).position
        assert await documents.claim(10, LEASE_MS) == []
        assert await documents.waiting([ROOM]) == {ROOM}
        await link.client(connections=1).zadd(link.keys.documents_due, {ROOM: 0})  # its wait ends
        (claim,) = await documents.claim(10, LEASE_MS)
        assert await documents.finish(claim, Progress("1", last, 3))
        await appender.append(update((7, 2, 3)))
        assert len(await documents.claim(10, LEASE_MS)) == 1


async def test_a_fold_of_an_older_history_says_nothing_of_the_new_one(
    claimed: tuple[DocumentLog, Claim, Position], appender: Appender
) -> None:
    documents, claim, position = claimed
    await appender.append(reset("two", (9, 0, 2), of="1"))
    assert await documents.finish(claim, Progress("1", position, 1000))
    found = await documents.vector(ROOM)
    assert found is not None
    assert found.size_bytes == len(b"whole")
    assert await documents.waiting([ROOM]) == {ROOM}


async def test_a_lost_due_entry_is_made_again(claimed: tuple[DocumentLog, Claim, Position], link: Link) -> None:
    documents, claim, _ = claimed
    await link.client(connections=1).delete(link.keys.documents_due)
    assert await documents.make_due(ROOM)
    assert not await documents.make_due(ROOM)
    assert not await documents.renew(claim, LEASE_MS)
    assert len(await documents.claim(10, LEASE_MS)) == 1


async def test_the_newest_content_is_kept_until_it_is_stored(documents: DocumentLog) -> None:
    assert await documents.content_of(ROOM) is None
    assert await documents.content(ROOM, Content(Position(10, 0), b"{}"))
    assert not await documents.content(ROOM, Content(Position(9, 5), b'{"old":1}'))
    assert await documents.content(ROOM, Content(Position(10, 1), b'{"md":"x"}'))
    assert await documents.content_of(ROOM) == Content(Position(10, 1), b'{"md":"x"}')
    assert await documents.make_due(ROOM) is False
    await documents.remove(ROOM)
    assert (await documents.content_of(ROOM), await documents.waiting([ROOM])) == (None, set())


async def test_content_that_came_during_the_fold_makes_the_document_due_again(
    claimed: tuple[DocumentLog, Claim, Position],
) -> None:
    documents, claim, position = claimed
    await documents.content(ROOM, Content(position, b"{}"))
    await documents.finish(claim, Progress("1", position, 3))
    assert await documents.waiting([ROOM]) == {ROOM}
    await documents.remove(ROOM)
    await documents.make_due(ROOM)
    await documents.content(ROOM, Content(position, b"{}"))
    (claim,) = await documents.claim(10, LEASE_MS)
    await documents.finish(claim, Progress("1", position, 3, content=position))
    assert await documents.content_of(ROOM) is None
    assert await documents.waiting([ROOM]) == set()


@pytest.mark.parametrize("epoch", ["", "a b", "x" * 33, "!", "a|b"])
def test_an_epoch_is_a_short_word(epoch: str) -> None:
    with pytest.raises(ValueError, match="epoch"):
        DocumentChange(epoch, ())
    with pytest.raises(ValueError, match="epoch"):
        DocumentChange("1", (), reset=Reset(epoch))
