"""What of documents needs no server: buckets, what a joining client is sent, updates that are joined in a replay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Doc, Text

from app.documents.buckets import Bucket
from app.documents.joining import joined_updates
from app.documents.payloads import as_bytes
from app.documents.refusals import Refusal
from app.documents.sync import Asked, Has, answer
from app.payloads import BadPayload
from archive.yjs import NOTHING, decode_vector
from streams.entry import Entry, Position


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 30)), max_size=50))
def test_a_bucket_gives_no_more_than_its_rate_and_burst_and_what_it_promises(asked: list[tuple[float, float]]) -> None:
    bucket, now, taken = Bucket(10, 20, 0.0), 0.0, 0.0
    for pause, amount in asked:
        now += pause
        wait = bucket.take(amount, now)
        if wait:
            now += wait + 1e-9
            assert bucket.take(amount, now) == 0
        taken += amount
        assert taken <= 20 + 10 * now + 10 + 1e-6, "one amount may be above the burst"


def typed(*words: str) -> tuple[Doc[Any], list[bytes]]:
    doc: Doc[Any] = Doc()
    updates: list[bytes] = []
    doc["text"] = text = Text()
    for word in words:
        before = doc.get_state()
        text += word
        updates.append(doc.get_update(before))
    return doc, updates


def text_of(*updates: bytes) -> str:
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return str(doc.get("text", type=Text))


def test_an_empty_document_is_two_zero_bytes() -> None:
    assert Has("1", NOTHING).merged() == b"\0\0"
    assert answer(Asked(), Has("1", NOTHING)) == ("full", b"\0\0")
    vector = decode_vector(b"\0")
    assert answer(Asked(vector=vector), Has("1", NOTHING)) == ("full", b"\0\0")


def test_stored_bytes_stay_as_they_are_and_the_tail_is_merged_behind_them() -> None:
    _doc, (first, *rest) = typed("one ", "two ", "three")
    assert Has("1", first).merged() is first
    assert text_of(Has("1", first, rest).merged()) == "one two three"
    assert text_of(Has("1", NOTHING, [first, *rest]).merged()) == "one two three"


def test_who_says_what_it_has_gets_the_rest() -> None:
    doc, updates = typed("one ", "two ", "three")
    has = Has("1", updates[0], updates[1:])
    half: Doc[Any] = Doc()
    half.apply_update(updates[0])
    mode, update = answer(Asked("1", decode_vector(half.get_state())), has)
    assert (mode, text_of(updates[0], update)) == ("diff", "one two three")
    assert len(update) < len(has.merged())
    assert answer(Asked("1", decode_vector(doc.get_state())), has) == ("diff", b"\0\0")
    assert answer(Asked("another"), has) == ("epoch", b"")


def entry(seq: int, binary: bytes, room: str = "doc_note:a", epoch: str = "1") -> Entry:
    return Entry(Position(1, seq), room, "update", b"%d" % seq, Position(1, seq - 1), binary=binary, epoch=epoch)


def test_neighbours_are_joined_and_stand_where_the_last_stood() -> None:
    _doc, updates = typed("one ", "two ", "three")
    (whole,) = joined_updates(entry(seq, update) for seq, update in enumerate(updates, 1))
    assert text_of(whole.binary) == "one two three"
    assert (whole.position, whole.prev, whole.data) == (Position(1, 3), Position(1, 0), b"3")


def test_others_rooms_events_and_histories_are_not_joined_with_them() -> None:
    _doc, (first, second, third) = typed("one ", "two ", "three")
    for between in (
        entry(2, b"", "user:alice", ""),
        entry(2, second, "doc_note:b"),
        entry(2, second, epoch="2"),
        entry(2, second)._replace(reset=True),
    ):
        entries = [entry(1, first), between, entry(3, third)]
        assert list(joined_updates(entries)) == entries
    rubbish = [entry(1, b"\xff"), entry(2, b"\xff")]
    assert list(joined_updates(rubbish)) == rubbish


@pytest.mark.parametrize("sent", [b"\1\2", [1, 2], "AQI="])
def test_bytes_come_in_three_ways(sent: object) -> None:
    assert as_bytes(sent, 2, "update") == b"\1\2"
    with pytest.raises(Refusal) as refused:
        as_bytes([1, 2, 3] if isinstance(sent, list) else sent * 4, 2, "update")  # type: ignore[operator]
    assert refused.value.wire() == {
        "error": "too_large",
        "message": "update may have 2 bytes",
        "limit": "update 2 bytes",
    }


@pytest.mark.parametrize("sent", [None, {}, 7, [256], [-1], [10**400], [1.0], ["1"], "?", "AQ", "ÄÖ=="])
def test_what_is_no_bytes_is_said_to_be_none(sent: object) -> None:
    with pytest.raises(BadPayload):
        as_bytes(sent, 100, "update")
