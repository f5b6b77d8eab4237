"""Documents in PostgreSQL: compare-and-set, versions, quarantine, and that they go with their note."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from archive import Archive, Changes, RoomFold
from archive.documents import FoldedDocument, FoldedUpTo, Keeping, Outcome, Quarantined, StoredDocument
from archive.notes import NOTES, note_deletion
from streams.documents import Content
from streams.entry import Position

ID = "note:n"
NEW = StoredDocument(ID)
HOUR_S = 3600


def at(number: int) -> Position:
    return Position(1_763_700_000_000 + number, 0)


def folded(before: StoredDocument, number: int, **more: Any) -> FoldedDocument:
    """A fold up to position `number`, with a state that says so."""
    made: dict[str, Any] = {"epoch": "1", "position": at(number), "state": f"state {number}".encode()}
    return FoldedDocument(before, **made | {"vector": b"\1\7\2", "markdown": f"# {number}"} | more)


async def stored(archive: Archive, document_id: str = ID) -> StoredDocument:
    found = await archive.documents.stored(document_id)
    assert found is not None
    return found


async def commit(archive: Archive, number: int, **more: Any) -> StoredDocument:
    """Fold on, from whatever is stored."""
    before = await archive.documents.stored(ID) or NEW
    assert await archive.documents.commit(folded(before, number, **more)) is Outcome.STORED
    return await stored(archive)


async def test_a_document_is_stored_as_it_was_folded(archive: Archive) -> None:
    assert await archive.documents.stored(ID) is None
    found = await commit(archive, 1, state=bytes(range(256)))
    expected = StoredDocument(ID, "1", at(1), 1, bytes(range(256)), b"\1\7\2", None, "# 1", found.updated_at)
    assert found == expected
    assert found.exists


async def test_of_two_folds_of_one_state_one_is_stored(archive: Archive) -> None:
    for numbers in ((1, 2), (3, 4)):
        before = await archive.documents.stored(ID) or NEW
        answers = await asyncio.gather(*(archive.documents.commit(folded(before, number)) for number in numbers))
        assert set(answers) == {Outcome.STORED, Outcome.ELSEWHERE}
    assert len(await archive.documents.history(ID)) == 2


async def test_a_fold_of_another_history_is_not_stored(archive: Archive) -> None:
    before = await commit(archive, 1)
    assert await archive.documents.commit(folded(replace(before, epoch="2"), 2)) is Outcome.ELSEWHERE
    after = await commit(archive, 2, epoch="2")
    assert after.epoch == "2"


async def test_a_fold_without_changes_moves_the_position_alone(archive: Archive) -> None:
    first = await commit(archive, 1)
    second = await commit(archive, 2, state=None, vector=b"", markdown="")
    assert second == replace(first, position=at(2), updated_at=second.updated_at)
    only = StoredDocument("note:other")
    assert await archive.documents.commit(FoldedDocument(only, "1", at(3))) is Outcome.STORED
    found = await stored(archive, "note:other")
    assert (found.state, found.vector, found.position) == (b"\0\0", b"\0", at(3))


async def test_older_content_never_replaces_newer(archive: Archive) -> None:
    await commit(archive, 1, content=Content(at(5), b'{"md":"five"}'))
    for older in (Content(at(4), b'{"md":"four"}'), None):
        found = await commit(archive, 6, content=older)
        assert found.content is not None
        assert (found.content.position, json.loads(found.content.body)) == (at(5), {"md": "five"})
    found = await commit(archive, 7, content=Content(at(6), rb'{"md":"a\u0000b\\u0000"}'))
    assert found.content is not None
    assert json.loads(found.content.body) == {"md": "a\ufffdb\\u0000"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The worker's clock, in the list, in Unix seconds."""
    now = [1_763_700_000.0 // HOUR_S * HOUR_S]
    monkeypatch.setattr("archive.document_store.time.time", lambda: now[0])
    return now


async def test_the_last_three_versions_and_one_of_each_hour_are_kept(archive: Archive, clock: list[float]) -> None:
    for number in range(1, 13):  # four in each of three hours
        await commit(archive, number)
        clock[0] += HOUR_S / 4
    assert [version.number for version in await archive.documents.history(ID)] == [12, 11, 10, 8, 4]
    versions = [await archive.documents.version(ID, number) for number in (4, 3)]
    assert versions[0] is not None
    assert (versions[0].state, versions[0].position, versions[0].size_bytes) == (b"state 4", at(4), 7)
    assert versions[1] is None


async def test_hourly_versions_are_kept_for_so_many_hours(archive: Archive, clock: list[float]) -> None:
    archive.documents._keeping = Keeping(newest=1, hours=3)
    for number in range(1, 8):
        await commit(archive, number)
        clock[0] += HOUR_S * 10
    assert [version.number for version in await archive.documents.history(ID)] == [7, 6, 5]


async def test_a_clock_that_steps_back_never_takes_the_present_state(archive: Archive, clock: list[float]) -> None:
    archive.documents._keeping = Keeping(newest=1, hours=1)
    await commit(archive, 1)
    clock[0] -= HOUR_S * 5
    assert (await commit(archive, 2)).state == b"state 2"


async def test_quarantined_updates_stand_with_their_sender(archive: Archive) -> None:
    poison = Quarantined(at(1), "mallory", "sid\0", b"\xff\0", "the sandbox died")
    await commit(archive, 2, quarantined=(poison, replace(poison, position=at(2), error="x" * 5000)))
    second, first = await archive.documents.quarantined(ID)
    assert first == replace(poison, session="sid\ufffd")
    assert len(second.error) == 2000
    assert await archive.documents.quarantined("note:other") == []


async def fold_note(archive: Archive, rows: Any, before: Position = Position.ZERO) -> None:
    result = await archive.commit([RoomFold("note:n", before, Position(before.ms + 1, 0), Changes(rows=rows))])
    assert result.moved


async def test_a_deleted_note_takes_its_document_along_for_good(archive: Archive) -> None:
    await fold_note(archive, {NOTES: {("n",): {"user_id": "alice"}}})
    await commit(archive, 1, quarantined=(Quarantined(at(1), "m", "s", b"1", "e"),))
    await fold_note(archive, note_deletion("n", {}, Position.ZERO).rows, Position(1, 0))
    assert await archive.documents.stored(ID) is None
    assert await archive.documents.quarantined(ID) == []
    assert await archive.documents.commit(folded(NEW, 2)) is Outcome.DELETED
    assert await archive.documents.stored(ID) is None


async def test_positions_tell_which_documents_have_nothing_to_fold(archive: Archive) -> None:
    await commit(archive, 1)
    await fold_note(archive, note_deletion("n2", {}, Position.ZERO).rows)
    found = await archive.documents.positions([ID, "note:n2", "note:n3", "other"])
    positions = {ID: at(1), "note:n2": Position.ZERO, "note:n3": Position.ZERO, "other": Position.ZERO}
    assert found == FoldedUpTo(positions, frozenset({"note:n2"}))


def test_a_fold_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="go back"):
        folded(replace(NEW, position=at(2)), 1)
