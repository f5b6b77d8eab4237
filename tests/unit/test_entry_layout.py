"""How an entry's fields stand in a stream: with all that it may have, and without what says nothing."""

from streams.entry import Entry, Position
from streams.replay import entries_of

AT, BEFORE = Position(7, 1), Position(6, 0)
PLAIN = [b"e", b"events", b"d", b"{}", b"p", b"6-0"]


def _read(*more: bytes) -> Entry:
    return entries_of("user:a", [[b"7-1", [*PLAIN, *more]]])[0]


def test_a_plain_entry_has_neither_skip_nor_quiet() -> None:
    assert _read() == Entry(AT, "user:a", "events", b"{}", BEFORE)


def test_empty_fields_of_an_older_version_say_nothing() -> None:
    assert _read(b"s", b"", b"q", b"") == Entry(AT, "user:a", "events", b"{}", BEFORE)


def test_who_is_skipped_and_what_is_quiet() -> None:
    assert _read(b"s", b"sid", b"q", b"1") == Entry(AT, "user:a", "events", b"{}", BEFORE, "sid", True)


def test_an_attachment_and_a_change() -> None:
    found = _read(b"s", b"", b"q", b"", b"b", b"bytes", b"c", b"!2")
    assert found == Entry(AT, "user:a", "events", b"{}", BEFORE, "", False, b"bytes", "2", True)
