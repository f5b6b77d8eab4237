"""The fold of notes: however the log is cut, and whoever merges, the note is the same, in Python and in PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import Archive, RoomFold, compose, open_pool, sift
from archive.notes import NOTE_DELETE, NOTE_EVENT, NOTES, Note
from archive.patches import Changes
from archive.tables import patched_rows
from streams.entry import Entry, Position

KEYS = ("a", "b.c", "\0")
_value: st.SearchStrategy[Any] = st.none() | st.integers(0, 9) | st.sampled_from(["x", {"md": "y"}, ["\0"]])
_object = st.none() | st.dictionaries(st.sampled_from(KEYS), _value, max_size=3)
_paths = [*(f"{field}.{key}" for field in ("data", "meta") for key in KEYS), "data", "meta", "title", "user_id", "x.y"]
_write = st.fixed_dictionaries(
    {"changed": st.lists(st.sampled_from(_paths), max_size=4), "data": _object, "meta": _object},
    optional={"title": st.sampled_from(["t", "u"]), "user_id": st.just("ann")},
)
_log = st.lists(_write | st.just(None), max_size=10)
_cuts = st.lists(st.integers(0, 10), max_size=3)


def written(log: Any, name: str = "n") -> list[Entry]:
    """The entries of a note's room; None is its deletion."""
    entries: list[Entry] = []
    for number, payload in enumerate(log, 1):
        event, body = (NOTE_DELETE, {}) if payload is None else (NOTE_EVENT, payload)
        at, before = Position(number, 0), Position(number - 1, 0)
        entries.append(Entry(at, f"note:{name}", event, json.dumps(body).encode(), before))
    return entries


def pieces(entries: list[Entry], cuts: list[int]) -> list[list[Entry]]:
    edges = [0, *sorted(cuts), len(entries)]
    return [entries[begin:end] for begin, end in itertools.pairwise(edges)]


def note_of(changes: list[Changes], name: str = "n") -> Note | None:
    rows: dict[tuple[str, ...], Note] = {}
    for part in changes:
        rows = patched_rows(NOTES, rows, part.rows)
    return rows.get((name,))


@given(_log, _cuts)
def test_batches_of_any_sizes_give_the_same_note(log: Any, cuts: list[int]) -> None:
    entries = written(log)
    whole = sift(entries).changes
    parts = [sift(piece).changes for piece in pieces(entries, cuts)]
    assert compose(*parts) == whole
    assert note_of(parts) == note_of([whole]) == note_of([sift([entry]).changes for entry in entries])


@given(_log)
def test_a_deleted_note_keeps_nothing_and_never_comes_back(log: Any) -> None:
    found = note_of([sift(written([*log, None, *log])).changes])
    assert found == Note("n", deleted=True)


_numbers = itertools.count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_log, _cuts)
def test_python_and_postgresql_do_the_same(shared_database_url: str, log: Any, cuts: list[int]) -> None:
    name = f"n{next(_numbers)}"
    entries = written(log, name)
    stored = asyncio.run(_committed(shared_database_url, name, pieces(entries, cuts)))
    assert stored == (note_of([sift(entries).changes], name) or Note(name))


async def _committed(url: str, name: str, batches: list[list[Entry]]) -> Note:
    async with open_pool(url, max_size=1) as pool:
        archive, at = Archive(pool), Position.ZERO
        for batch in filter(None, batches):
            fold = RoomFold(f"note:{name}", at, batch[-1].position, sift(batch).changes)
            assert (await archive.commit([fold])).moved
            at = batch[-1].position
        return (await archive.notes.notes([name]))[name].note
