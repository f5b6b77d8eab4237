"""The fold's algebra: however the log is cut, and wherever the fold is applied, the chats are the same."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import Archive, CommitResult, StoredChat, apply, compose, fold, open_pool, overlay, sift, to_wire
from archive.patches import Changes
from streams.entry import Entry, Position
from tests.support.postgres import Postgres, UserLog

CHATS = ["chat 1", "chat 2"]
MESSAGES = ["m1", "m2", "m3"]
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["\0", "\\u0000", 'a"b', "👍"])
# Above 2^53 a stored float comes back as an int of the same digits: the same number to a client, not to Python's ==.
_number = st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _number | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=5,
)
_list = st.lists(_json, max_size=3)
_object = st.dictionaries(_text, _json, max_size=3)
_code = st.fixed_dictionaries(
    {"type": st.just("code_execution"), "id": st.sampled_from(["a", "b", "1"]), "value": _json}
)
_codes = st.lists(_code | _json | st.just({"id": 1}), max_size=5)
_maybe = st.none


def _data(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=optional)


_whole = _data(
    parentId=st.sampled_from([None, *MESSAGES]),
    role=st.sampled_from(["user", "assistant"]),
    content=_text,
    statusHistory=_list,
    sources=_list,
    files=_list | _maybe(),
    embeds=_list,
    code_executions=_codes,
    output=_list,
    followUps=_list,
    error=_json,
    usage=_json,
    done=st.booleans(),
    stopped=st.booleans(),
    model=_text | _maybe(),
    timestamp=st.integers(1, 2**40),
    custom=_json,
    other=_json,
)
_turn = {
    "messages": st.dictionaries(st.sampled_from(MESSAGES), _whole, max_size=3),
    "currentId": st.sampled_from([None, *MESSAGES]),
}
_event: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(st.sampled_from(["message", "replace"]), _data(content=_text)),  # without content: poison
    st.tuples(st.just("status"), _object),
    st.tuples(st.just("source"), _object | _code),
    st.tuples(st.just("files"), st.fixed_dictionaries({"files": _list})),
    st.tuples(st.just("embeds"), st.fixed_dictionaries({"embeds": _list, "replace": st.booleans()})),
    st.tuples(
        st.just("chat:completion"),
        _data(
            content=_text,
            output=_list,
            done=st.booleans(),
            usage=_object,
            error=_json,
            title=_text,
            sources=_list,
            selected_model_id=_text,
        ),
    ),
    st.tuples(
        st.just("response:completion"),
        st.fixed_dictionaries({"type": st.just("response.output_text.delta"), "delta": _text})
        | st.fixed_dictionaries({"type": st.just("response.output_item.done"), "item": _object}),
    ),
    st.tuples(st.just("chat:message:error"), st.fixed_dictionaries({"error": _json})),
    st.tuples(st.just("chat:message:follow_ups"), st.fixed_dictionaries({"follow_ups": st.lists(_text, max_size=3)})),
    st.tuples(st.just("chat:tasks:cancel"), _data(output=_list)),
    st.tuples(st.just("chat:title"), _text),
    st.tuples(st.just("chat:tags"), st.lists(_text, max_size=3)),
    st.tuples(st.just("chat:messages"), _data(**_turn)),
    st.tuples(st.just("chat:new"), _data(title=_text, timestamp=st.integers(1, 2**40), **_turn)),
    st.tuples(st.just("notification"), _json),
    st.tuples(st.just("chat:delete"), st.none()),
)
_events = st.lists(st.tuples(_event, st.sampled_from(CHATS), st.sampled_from([*MESSAGES, None])), max_size=12)
_cuts = st.lists(st.integers(0, 12), max_size=5)


def written(events: list[tuple[tuple[str, Any], str, str | None]], user_id: str = "owner", prefix: str = "") -> UserLog:
    log = UserLog(user_id)
    for (kind, data), chat_id, message_id in events:
        if kind == "chat:delete":
            log.raw(json.dumps({"chat_id": prefix + chat_id}).encode(), event=kind)
        else:
            log.add(kind, data, chat_id=prefix + chat_id, message_id=message_id)
    return log


def pieces(entries: list[Entry], cuts: list[int]) -> list[list[Entry]]:
    edges = [0, *sorted(cuts), len(entries)]
    return [entries[begin:end] for begin, end in itertools.pairwise(edges)]


def rows(chat: StoredChat | None) -> object:
    """All that is stored, with the order of the messages."""
    return None if chat is None else (replace(chat, position=Position.ZERO), list(chat.messages))


@given(_events, _cuts)
def test_batches_of_any_sizes_fold_to_the_same_changes(events: Any, cuts: list[int]) -> None:
    entries = written(events).entries
    whole = sift(entries).changes
    assert compose(*(sift(piece).changes for piece in pieces(entries, cuts))) == whole
    one_by_one = Changes()
    poison = {error.position for error in sift(entries).poison}
    for entry in entries:
        if entry.position not in poison:
            one_by_one = fold(one_by_one, entry)
    assert one_by_one == whole


@given(_events, _cuts)
def test_applying_piece_by_piece_gives_the_same_chat(events: Any, cuts: list[int]) -> None:
    entries = written(events).entries
    for chat_id in CHATS:
        empty = stepwise = StoredChat.empty(chat_id, "owner")
        for piece in pieces(entries, cuts):
            stepwise = apply(stepwise, sift(piece).changes)
        assert rows(stepwise) == rows(apply(empty, sift(entries).changes))


@given(_events, st.integers(0, 12))
def test_a_snapshot_at_any_position_and_the_tail_are_the_full_fold(events: Any, cut: int) -> None:
    entries = written(events).entries
    for chat_id in CHATS:
        snapshot = overlay(None, chat_id, "owner", entries[:cut])
        # A reader may be handed entries that the snapshot has already: those must not count twice.
        resumed = overlay(snapshot, chat_id, "owner", entries if snapshot else entries[cut:])
        assert rows(resumed) == rows(overlay(None, chat_id, "owner", entries))


class _Database:
    """One archive and the loop that it lives in, for many examples."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.pool = open_pool(url)
        self.archive = Archive(self.pool)
        self.numbers = itertools.count()
        self.runner.run(self.pool.open())

    def close(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[_Database]:
    with postgres.database() as url:
        found = _Database(url)
        yield found
        found.close()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events=_events, cuts=_cuts)
def test_the_database_stores_what_the_fold_says_in_batches_of_any_sizes(
    database: _Database, events: Any, cuts: list[int]
) -> None:
    number = next(database.numbers)
    log = written(events, f"owner {number}", f"{number} ")

    async def stored() -> None:
        edges = [0, *(min(cut, len(log.entries)) for cut in sorted(cuts)), len(log.entries)]
        for begin, end in itertools.pairwise(edges):
            result = await database.archive.commit([log.fold(begin, end)])
            assert result == CommitResult(frozenset({log.room}), ())
        for chat_id in (f"{number} {name}" for name in CHATS):
            expected = overlay(None, chat_id, f"owner {number}", log.entries)
            found = await database.archive.chat(chat_id)
            assert rows(found) == rows(expected)
            assert found is None or found.position == log.position()
            assert found is None or expected is None or to_wire(found) == to_wire(expected)

    database.runner.run(stored())
