"""What the reader of updates reads, byte by byte, and what it refuses."""

from __future__ import annotations

import re

import pytest

from archive.yjs import Limits, Malformed, Need, OverLimit, Span, read
from archive.yjs.cursor import write_uint

CLIENT = 300
_ID = b"\xac\x02"  # 300, as a client's id
ROOT = b"\x01\x01t"  # the parent: the root type named t


def update(*structs: bytes, clock: int = 0, deletes: bytes = b"\0") -> bytes:
    """An update with one section of client 300."""
    return b"\x01" + write_uint(len(structs)) + _ID + write_uint(clock) + b"".join(structs) + deletes


def text(value: str, origin: int | None = None) -> bytes:
    """A string item, in the root type or behind a clock of the same client."""
    place = b"\x04" + ROOT if origin is None else b"\x84" + _ID + write_uint(origin)
    data = value.encode()
    return place + write_uint(len(data)) + data


def value(data: bytes, count: int = 1) -> bytes:
    """An item with values."""
    return b"\x08" + ROOT + write_uint(count) + data


def test_a_keystroke() -> None:
    assert read(update(text("a", origin=4), clock=5)) == read(b"\x01\x01\xac\x02\x05\x84\xac\x02\x04\x01a\x00")
    taken = read(update(text("a", origin=4), clock=5))
    assert (taken.spans, taken.needs, taken.deletes, taken.structs) == ((Span(CLIENT, 5, 6),), (), (), 1)


def test_an_update_of_nothing_is_empty() -> None:
    assert read(b"\0\0").empty
    assert not read(b"\0\x01\x05\x01\x00\x01").empty
    assert not read(update(text("a"))).empty


@pytest.mark.parametrize(("written", "length"), [("abc", 3), ("é", 1), ("€", 1), ("😀", 2), ("a😀b", 4)])
def test_texts_are_counted_in_utf16_units(written: str, length: int) -> None:
    assert read(update(text(written))).spans == (Span(CLIENT, 0, length),)


def test_what_an_item_hangs_from_is_a_need_unless_the_update_brings_it() -> None:
    behind_a_stranger = b"\x84" + b"\x07\x09" + b"\x01a"  # origin: client 7, clock 9
    before_a_stranger = b"\x44" + b"\x07\x04" + b"\x01a"
    inside_a_stranger = b"\x24\x00" + b"\x08\x02" + b"\x01k" + b"\x01a"
    taken = read(update(behind_a_stranger, before_a_stranger, inside_a_stranger))
    assert taken.needs == (Need(7, 10), Need(8, 3))
    both = b"\x02" + b"\x01\x07\x00\x84\xac\x02\x02\x01a" + update(behind_a_stranger)[1:]
    assert read(both).needs == (Need(300, 3), Need(7, 10))


def test_what_is_deleted_is_a_need() -> None:
    taken = read(b"\0\x01\x07\x02\x00\x01\x05\x02")
    assert taken.deletes == (Span(7, 0, 1), Span(7, 5, 7))
    assert taken.needs == (Need(7, 7),)
    assert read(update(text("abc"), deletes=b"\x01\xac\x02\x01\x00\x02")).needs == ()


def test_a_gap_makes_two_spans() -> None:
    assert read(update(text("ab"), b"\x0a\x05", text("c", origin=6))).spans == (
        Span(CLIENT, 0, 2),
        Span(CLIENT, 7, 8),
    )


def test_values_are_counted_and_their_depth_is_told() -> None:
    nested = value(b"\x75\x02\x76\x01\x01k\x77\x01v\x7e" + b"\x7d\x80\x01", count=2)
    taken = read(update(nested))
    assert (taken.values, taken.depth, taken.spans) == (5, 3, (Span(CLIENT, 0, 2),))
    assert read(update(b"\x05" + ROOT + b"\x09" + b'{"a":[1]}')).depth == 3


def test_types_in_types_are_measured_wherever_they_stand() -> None:
    outer = b"\x07" + ROOT + b"\x01"
    inner = b"\x07\x00\xac\x02\x00\x00"  # an array inside the struct at clock 0
    beside = b"\x87\xac\x02\x01\x00"  # one beside the inner: just as deep
    deepest = b"\x07\x00\xac\x02\x02\x02"
    assert read(update(outer)).nesting == 1
    assert read(update(outer, inner, beside, deepest)).nesting == 3
    elsewhere = b"\x02" + b"\x01\x05\x00\x07\x00\x06\x00\x00" + b"\x01\x06\x00\x07\x01\x01t\x00" + b"\0"
    assert read(elsewhere).nesting == 2


GOOD = update(text("abc"))

MALFORMED = {
    "nothing at all": (b"", "too early"),
    "a struct cut off": (GOOD[:-3], "more than it holds|too early"),
    "bytes behind it": (GOOD + b"\0", "follow its end"),
    "two sections of one client": (b"\x02" + GOOD[1:-1] + GOOD[1:], "two sections"),
    "a section of nothing": (b"\x01\x00\x05\x00\x00\x00\x00", "without structs"),
    "an empty text": (update(text("")), "length of zero"),
    "no values": (update(value(b"", 0)), "length of zero"),
    "a tombstone of length zero": (update(b"\0\0"), "length of zero"),
    "an empty deletion": (b"\0\x01\x05\x01\x00\x00", "length of zero"),
    "deletions twice": (b"\0\x02\x05\x01\x00\x01\x05\x01\x03\x01", "come twice"),
    "deletions of nothing": (b"\0\x01\x05\x00\0\0", "without deletions"),
    "deletions that overlap": (b"\0\x01\x05\x02\x00\x03\x02\x01", "out of order"),
    "a clock at 2^32 - 1": (update(text("a"), clock=2**32 - 1), "clock is too large"),
    "a clock that a length brings to 2^31": (update(b"\0\xff\xff\xff\xff\x07", text("a")), "clock is too large"),
    "a client's id of 2^53": (b"\x01\x01" + write_uint(2**53) + b"\0" + text("a") + b"\0", "id is too large"),
    "an integer without end": (b"\xff" * 30, "too long"),
    "an integer with a zero in front": (b"\x81\x00" + GOOD[1:], "longer than it is"),
    "a text of half a pair": (update(b"\x04" + ROOT + b"\x03\xed\xa0\x80"), "UTF-8"),
    "a text in Latin-1": (update(b"\x04" + ROOT + b"\x01\xe9"), "UTF-8"),
    "an embed that is no JSON": (update(b"\x05" + ROOT + b"\x03{a}"), "not JSON"),
    "JSON with half a pair": (update(b"\x05" + ROOT + b"\x08" + b'"\\ud83d"'), "not JSON"),
    "content of Yjs before 13": (update(b"\x02" + ROOT + b"\x01\x011"), "unknown kind"),
    "a kind that nobody knows": (update(b"\x0b" + ROOT + b"\x01\x011"), "unknown kind"),
    "an XML hook": (update(b"\x07" + ROOT + b"\x05\x01h"), "type of an unknown kind"),
    "a weak link": (update(b"\x07" + ROOT + b"\x07\x00\x05\x00"), "type of an unknown kind"),
    "a value that nobody knows": (update(value(b"\x10")), "value of an unknown kind"),
    "a number beyond 2^53": (update(value(b"\x7d" + b"\xbf" + b"\xff" * 6 + b"\x7f")), "too long"),
    "options that are no object": (update(b"\x09" + ROOT + b"\x01g\x7e"), "no object"),
    "a parent of no kind": (update(b"\x04\x02\x01t\x01a"), "parent"),
    "a struct behind itself": (update(text("a", origin=0)), "wrote later"),
    "a struct inside a text": (update(text("a"), b"\x04\x00\xac\x02\x00\x01b"), "holds nothing"),
    "types inside each other": (
        b"\x02" + b"\x01\x05\x00\x07\x00\x06\x00\x00" + b"\x01\x06\x00\x07\x00\x05\x00\x00" + b"\0",
        "hang from each other",
    ),
    "a claim of four billion values": (update(value(b"\x7e", 2**32 - 1)), "more than it holds"),
    "a claim of four billion entries": (update(value(b"\x76" + write_uint(2**32 - 1))), "more than it holds"),
    "a claim of four billion ranges": (b"\0\x01\x05" + write_uint(2**32 - 1), "more than it holds"),
    "a claim of four billion sections": (write_uint(2**32 - 1) + b"\0\0", "more than it holds"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_no_editor_writes_is_refused_with_its_reason(name: str) -> None:
    data, reason = MALFORMED[name]
    with pytest.raises(Malformed) as refused:
        read(data)
    assert re.search(reason, refused.value.reason)


def _chain(length: int) -> bytes:
    """Types, each inside the one before."""
    first = b"\x07" + ROOT + b"\x00"
    return update(first, *(b"\x07\x00" + _ID + write_uint(clock) + b"\x00" for clock in range(length - 1)))


OVER = {
    "bytes": (update(text("a" * 2000)), Limits(bytes=2000)),
    "structs": (update(text("a"), text("b"), text("c")), Limits(structs=2)),
    "deletes": (b"\0\x02\x05\x01\x00\x01\x06\x01\x00\x01", Limits(deletes=1)),
    "clients": (b"\0\x02\x05\x01\x00\x01\x06\x01\x00\x01", Limits(clients=1)),
    "values": (update(value(b"\x7e" * 3, 3)), Limits(values=2)),
    "depth": (update(value(b"\x75\x01" * 32 + b"\x7e")), Limits()),
    "nesting": (_chain(257), Limits()),
}


@pytest.mark.parametrize("limit", OVER)
def test_too_much_is_refused_and_the_limit_is_named(limit: str) -> None:
    data, limits = OVER[limit]
    with pytest.raises(OverLimit) as refused:
        read(data, limits)
    assert refused.value.limit == limit
    assert refused.value.most == getattr(limits, limit)


def test_json_is_as_deep_as_values_may_be() -> None:
    for brackets in (40, 500, 30_000):
        embed = b"[" * brackets + b"]" * brackets
        with pytest.raises((OverLimit, Malformed)):
            read(update(b"\x05" + ROOT + write_uint(len(embed)) + embed))


def test_nesting_up_to_the_limits_is_taken() -> None:
    assert read(update(value(b"\x75\x01" * 31 + b"\x7e"))).depth == 32
    assert read(_chain(256)).nesting == 256
