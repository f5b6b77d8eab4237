"""The fold of channels: however the log is cut, the rows are the same, in Python and in PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from archive import Archive, CommitResult, RoomFold, compose, open_pool, sift
from archive.channel import CHANNELS, MARKS, MEMBERS, MESSAGES, REACTIONS, WEBHOOKS, ChannelMessage
from archive.channel_view import MessageView, Select, touched_by
from archive.patches import Changes
from archive.tables import Key, Table, patched_rows
from streams.entry import Entry, Position

TABLES: list[Table[Any]] = [CHANNELS, MEMBERS, WEBHOOKS, MESSAGES, REACTIONS, MARKS]
USERS = ["ann", "bob"]
MESSAGE_IDS = ["m1", "m2", "m3", "m4"]
ROOMS = ["channel:c", "user:ann"]

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["\0", "\\u0000", "'", "👍"])
_number = st.integers(0, 20)
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
_user = st.sampled_from(USERS)


def _some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=optional)


_edit = _some(
    content=_text,
    data=_json,
    meta=_json,
    is_pinned=st.booleans(),
    pinned_by=_user | st.none(),
    pinned_at=_number | st.none(),
    updated_at=_number,
)
_post = _some(
    user_id=_user,
    content=_text,
    data=_json,
    parent_id=st.sampled_from(MESSAGE_IDS) | st.none(),
    reply_to_id=st.sampled_from(MESSAGE_IDS) | st.none(),
    created_at=_number,
    updated_at=_number | st.just("poison"),
    user=_json,
)
_channel = _some(
    name=_text,
    description=_text,
    type=st.sampled_from(["channel", "dm"]),
    is_private=st.booleans(),
    data=_json,
    updated_at=_number,
)
_member = st.fixed_dictionaries({"user_id": _user, "joined_at": _number}, optional={"role": st.just("owner")})
_members = st.fixed_dictionaries({"members": st.lists(_member, max_size=3)})
_webhook = st.fixed_dictionaries(
    {"id": st.sampled_from(["w1", "w2"]), "user_id": _user, "name": _text, "token": _text, "created_at": _number}
)
_reaction = st.fixed_dictionaries({"name": st.sampled_from(["x", "y"])}, optional={"reacted_at": _number})
_event: st.SearchStrategy[tuple[str, Any]] = st.one_of(
    st.tuples(st.just("channel:new"), st.tuples(_channel, _members).map(lambda p: {**p[0], **p[1], "user_id": "ann"})),
    st.tuples(st.just("channel:update"), _channel),
    st.tuples(st.just("channel:delete"), st.just({})),
    st.tuples(st.just("channel:members:add"), _members),
    st.tuples(st.just("channel:members:remove"), st.fixed_dictionaries({"user_ids": st.lists(_user, max_size=2)})),
    st.tuples(st.just("channel:webhook:add"), _webhook),
    st.tuples(st.just("channel:webhook:remove"), _webhook),
    st.tuples(st.just("message"), _post),
    st.tuples(st.just("message:update"), _edit),
    st.tuples(st.just("message:delete"), st.just({})),
    st.tuples(st.sampled_from(["message:reaction:add", "message:reaction:remove"]), _reaction),
    st.tuples(st.just("last_read_at"), st.fixed_dictionaries({"last_read_at": _number})),
    st.tuples(st.just("channel:mute"), st.fixed_dictionaries({"is_channel_muted": st.booleans()})),
    st.tuples(st.just("channel:created"), _json),
    st.tuples(st.just("message:reply"), _json),
)
_log = st.lists(
    st.tuples(_event, st.sampled_from(MESSAGE_IDS), _user, st.none() | _edit, st.sampled_from(ROOMS)), max_size=14
)
_cuts = st.lists(st.integers(0, 14), max_size=4)


def written(log: Any, prefix: str = "") -> dict[str, list[Entry]]:
    """Entries by room, as nodes append them."""
    rooms: dict[str, list[Entry]] = {room: [] for room in ROOMS}
    for (kind, data), message_id, user_id, patch, room in log:
        envelope = {"type": kind, "data": data} | ({} if patch is None else {"patch": patch})
        body = {"channel_id": f"{prefix}c", "message_id": message_id, "data": envelope, "user": {"id": user_id}}
        entries = rooms[room]
        before = entries[-1].position if entries else Position.ZERO
        kind_of, _, name = room.partition(":")
        at = Position(1_763_700_000_000 + len(entries), 0)
        entries.append(Entry(at, f"{kind_of}:{prefix}{name}", "events:channel", json.dumps(body).encode(), before))
    return rooms


def pieces(entries: list[Entry], cuts: list[int]) -> list[list[Entry]]:
    edges = [0, *sorted(cuts), len(entries)]
    return [entries[begin:end] for begin, end in itertools.pairwise(edges)]


def rows_of(changes: list[Changes]) -> dict[str, dict[Key, Any]]:
    """All rows after these changes, by table."""
    found: dict[str, dict[Key, Any]] = {}
    for table in TABLES:
        rows: dict[Key, Any] = {}
        for part in changes:
            rows = patched_rows(table, rows, part.rows)
        found[table.name] = rows
    return found


@given(_log, _cuts)
def test_batches_of_any_sizes_give_the_same_rows(log: Any, cuts: list[int]) -> None:
    for entries in written(log).values():
        whole = sift(entries).changes
        parts = [sift(piece).changes for piece in pieces(entries, cuts)]
        assert compose(*parts) == whole
        assert rows_of(parts) == rows_of([whole])
        assert rows_of([sift([entry]).changes for entry in entries]) == rows_of([whole])


@given(_log)
def test_a_deleted_message_never_comes_back(log: Any) -> None:
    entries = written(log)["channel:c"]
    gone: set[Key] = set()
    rows: dict[Key, ChannelMessage] = {}
    for entry in entries:
        rows = patched_rows(MESSAGES, rows, sift([entry]).changes.rows)
        gone |= {key for key, row in rows.items() if row.deleted}
        assert all(rows[key] == ChannelMessage(key[0], key[1], deleted=True) for key in gone)


@given(_log, st.integers(0, 14), st.integers(0, 5), st.integers(1, 5), st.sampled_from([None, "m1"]))
def test_a_page_is_the_same_wherever_the_fold_stands(log: Any, cut: int, skip: int, limit: int, parent: Any) -> None:
    """What PostgreSQL would answer, with the tail on top, is a page of the whole."""
    entries = written(log)["channel:c"]
    stored = patched_rows(MESSAGES, {}, sift(entries[:cut]).changes.rows)
    tail = sift(entries[cut:]).changes.rows
    select = Select("c", touched_by(tail), parent, skip, limit)
    old = _listed(stored, parent, select.touched)[select.window.offset :][: select.window.count]
    view = MessageView(select, tuple(("c", m.id) for m in old), stored).patched(tail, Position.ZERO)
    whole = _listed(patched_rows(MESSAGES, {}, sift(entries).changes.rows), parent, frozenset())
    assert view.page() == whole[skip:][:limit]


def _listed(rows: dict[Key, ChannelMessage], parent: str | None, without: frozenset[str]) -> list[ChannelMessage]:
    found = [m for m in rows.values() if m.is_visible and m.parent_id == parent and m.id not in without]
    return sorted(found, key=lambda m: (m.created_at, m.id), reverse=True)


_numbers = itertools.count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_log, _cuts)
def test_python_and_postgresql_do_the_same(shared_database_url: str, log: Any, cuts: list[int]) -> None:
    prefix = f"{next(_numbers)}-"
    rooms = written(log, prefix)
    asyncio.run(_committed(shared_database_url, rooms, cuts))
    expected = rows_of([sift(entries).changes for entries in rooms.values()])
    with psycopg.connect(shared_database_url, row_factory=dict_row) as connection:
        for table in TABLES:
            own = f"{prefix}%"
            column = table.keys[0]
            found = connection.execute(f"SELECT * FROM {table.name} WHERE {column} LIKE %s", [own]).fetchall()
            rows = {tuple(row[key] for key in table.keys): table.row(**row) for row in found}
            assert rows == expected[table.name], table.name


async def _committed(url: str, rooms: dict[str, list[Entry]], cuts: list[int]) -> None:
    async with open_pool(url, max_size=1) as pool:
        archive = Archive(pool)
        at = dict.fromkeys(rooms, Position.ZERO)
        for step in range(len(cuts) + 1):
            folds = []
            for name, entries in rooms.items():
                piece = pieces(entries, cuts)[step]
                if piece:
                    folds.append(RoomFold(piece[0].room, at[name], piece[-1].position, sift(piece).changes))
                    at[name] = piece[-1].position
            result: CommitResult = await archive.commit(folds)
            assert len(result.moved) == len(folds)


def test_the_tables_are_their_dataclasses(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for table in TABLES:
            names = [field.name for field in dataclasses.fields(table.row)]
            assert names == [*table.keys, *table.columns]
            found = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s", [table.name]
            ).fetchall()
            assert {name for (name,) in found} == set(names)
