"""What is told of an entry that cannot be folded never has a word of it, however it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import AsyncConnection

from archive.database import translated
from archive.errors import ArchiveRefused
from archive.events import TYPES
from archive.fold import CHAT_DELETE
from archive.notes import NOTE_ACCESS, NOTE_DELETE, NOTE_EVENT
from archive.sharing import CHAT_GRANTS, NOTE_GRANTS
from streams.entry import Entry, Position
from telemetry.logs import told
from workers import sieve
from workers.sieve import sifted

WORD = "w0rds-of-hers"
FOLDED = {
    "user": ("events", "events:channel", CHAT_DELETE, CHAT_GRANTS, NOTE_ACCESS),
    "channel": ("events:channel",),
    "note": (NOTE_EVENT, NOTE_DELETE, NOTE_GRANTS),
}

_names = st.sampled_from(
    ["chat_id", "message_id", "note_id", "user_id", "type", "data", "content", "title", "messages", "patch", WORD]
)
_values: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([WORD, None, True, -1, 1.5, 2**63, 1e300, f"\0{WORD}", f"\ud800{WORD}", WORD * 30]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_kinds = st.sampled_from([*TYPES, "message:update", "channel:created", "message:reaction:add", WORD]) | _values
_envelopes = st.fixed_dictionaries(
    {"data": st.fixed_dictionaries({"type": _kinds, "data": _values}) | _values},
    optional=dict.fromkeys(("chat_id", "message_id", "note_id", "user_id"), _values | st.just("id")),
)
_whole = (_envelopes | _values).map(lambda value: json.dumps(value).encode())
_broken = st.tuples(_whole, st.integers(0, 80)).map(lambda cut: cut[0][: cut[1]] + WORD.encode() + cut[0][cut[1] :])


@given(st.sampled_from([(kind, event) for kind in FOLDED for event in FOLDED[kind]]), _whole | _broken)
def test_the_fold_names_fields_and_types_alone(where: tuple[str, str], payload: bytes) -> None:
    kind, event = where
    (entry,) = entries(f"{kind}:r", event, payload)
    for error in sifted([entry]).poison:
        assert error.position == entry.position
        assert WORD not in error.reason
        assert WORD not in told(error)


def test_a_fault_of_the_fold_itself_is_told_by_its_kind_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_given: object) -> None:
        int(WORD)

    monkeypatch.setattr(sieve, "sift", stumble)
    monkeypatch.setattr(sieve, "fold", stumble)
    (error,) = sifted(list(entries("user:r", "events", WORD.encode()))).poison
    assert error.reason.startswith(f"the fold failed: ValueError at {__name__}:")


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("INSERT INTO rooms VALUES (%s::bigint)", "InvalidTextRepresentation (22P02)"),
        ("SELECT %s::timestamptz", "InvalidDatetimeFormat (22007)"),
        ("SELECT %s::jsonb", "InvalidTextRepresentation (22P02)"),
        ("INSERT INTO said VALUES (%s, 1), (%s, 1)", "UniqueViolation (23505), table said, constraint said_pkey"),
        ("INSERT INTO said VALUES (%s, -1)", "CheckViolation (23514), table said, constraint said_count_check"),
        ("INSERT INTO said (word) VALUES (%s)", "NotNullViolation (23502), table said, column count"),
    ],
)
async def test_the_database_is_told_of_by_what_it_names(database_url: str, statement: str, refusal: str) -> None:
    async with await AsyncConnection.connect(database_url) as connection:
        await connection.execute(
            "CREATE TEMPORARY TABLE said (word text PRIMARY KEY, count int NOT NULL CHECK (count > 0))"
        )
        with pytest.raises(ArchiveRefused) as refused, translated():
            await connection.execute(statement.encode(), [WORD] * statement.count("%s"))
    assert str(refused.value) == refusal
    assert told(refused.value) == f"ArchiveRefused: {refusal}"


async def test_words_that_never_reached_the_database_are_not_told_either(database_url: str) -> None:
    async with await AsyncConnection.connect(database_url) as connection:
        with pytest.raises(ArchiveRefused) as refused, translated():
            await connection.execute("SELECT %s", [f"\0{WORD}"])
    assert isinstance(refused.value.__cause__, psycopg.DataError)
    assert str(refused.value) == "DataError"


def entries(room: str, event: str, *payloads: bytes) -> Iterator[Entry]:
    """A room's entries with these payloads."""
    for number, payload in enumerate(payloads, 1):
        yield Entry(Position(number, 0), room, event, payload, Position(number - 1, 0))
