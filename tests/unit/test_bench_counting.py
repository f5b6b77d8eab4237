"""The benchmark counts right: marks in payloads, deliveries by sequence number."""

from __future__ import annotations

import json
import zlib

from bench import marks
from bench.crowd.inflater import TAIL, Inflater
from bench.crowd.tally import Tally
from bench.publisher.payload import Payloads, Room
from bench.publisher.raw import ENCODERS

ROOM = Room(7, "user:u7", "u7", "c7", "m7")


def tallied(*sequences: int) -> Tally:
    tally = Tally()
    for sequence in sequences:
        tally.count(sequence)
    return tally


def test_a_mark_is_read_back_whatever_is_around_it() -> None:
    payload = b'42["events",{"content":"' + marks.make(7, 42, 1234567890123456789).encode() + b' token"},"17-3"]'
    assert list(marks.marks(payload)) == [marks.Mark(7, 42, 1234567890123456789)]


def test_joined_deltas_have_all_their_marks_in_order() -> None:
    payload = " and ".join(marks.make(1, number, number) for number in range(5)).encode()
    assert [mark.sequence for mark in marks.marks(payload)] == [0, 1, 2, 3, 4]


def test_a_mark_has_the_stated_length() -> None:
    assert len(marks.make(999_999, 999_999_999, (1 << 63) - 1)) == marks.LENGTH


def test_what_comes_in_order_is_neither_lost_nor_repeated_nor_disordered() -> None:
    tally = tallied(0, 1, 2)
    assert (tally.lost(3), tally.repeated, tally.disordered) == (0, 0, 0)


def test_a_gap_and_a_missing_end_are_lost() -> None:
    assert tallied(0, 3).lost(6) == 4


def test_what_comes_late_is_out_of_order_and_not_lost() -> None:
    tally = tallied(0, 2, 1)
    assert (tally.lost(3), tally.repeated, tally.disordered) == (0, 0, 1)


def test_what_comes_again_is_repeated() -> None:
    tally = tallied(0, 1, 0, 1)
    assert (tally.lost(2), tally.repeated, tally.disordered) == (0, 2, 0)


def test_a_payload_has_the_size_that_was_asked_for_and_is_json() -> None:
    made = Payloads(ROOM, 250)
    text = made.json()
    assert len(text) == 250
    assert json.loads(text)["chat_id"] == "c7"
    assert [mark.sequence for mark in marks.marks(text.encode() + made.json().encode())] == [0, 1]


def test_every_raw_command_carries_the_payload_untouched() -> None:
    for encode in ENCODERS.values():
        command = encode(Payloads(ROOM, 210))
        (mark,) = marks.marks(command[-1].encode())
        assert (mark.room, mark.sequence) == (7, 0)


def test_compressed_messages_may_refer_to_earlier_ones() -> None:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    inflate = Inflater()
    for message in (b"0{}", b'42["events","token token token"]', b'42["events","token token token"]'):
        sent = deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)
        assert inflate(sent.removesuffix(TAIL)) == message
