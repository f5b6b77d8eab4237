"""Patches: what a run of entries changes in chats and messages, without knowing what is stored.

A patch holds, per field, either a value to put or a value to add. What "add" means depends on the field: text grows,
a list grows, code executions are inserted or replaced by their id, extra fields are merged. Patches compose, and
`put` and `add` are also what the database is sent (archive/commit.py), so a delta costs its own bytes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain
from typing import Any

from archive.shapes import Json, JsonObject
from archive.tables import Rows, compose_rows


class Kind(Enum):
    """How values of a message's field add up, and how the column is typed."""

    TEXT = "text"  # grows
    LIST = "list"  # grows
    KEYED = "keyed"  # a list whose items are replaced, in place, by an item with the same text `id`
    OBJECT = "object"  # merged, key by key
    JSON = "json"  # put only; null is SQL's NULL
    WORD = "word"  # put only; text or null
    FLAG = "flag"  # put only
    SECONDS = "seconds"  # put only


MESSAGE_FIELDS: Mapping[str, Kind] = {
    "parent_id": Kind.WORD,
    "role": Kind.WORD,
    "content": Kind.TEXT,
    "status_history": Kind.LIST,
    "sources": Kind.LIST,
    "files": Kind.LIST,
    "embeds": Kind.LIST,
    "code_executions": Kind.KEYED,
    "output": Kind.LIST,
    "follow_ups": Kind.LIST,
    "error": Kind.JSON,
    "usage": Kind.JSON,
    "done": Kind.FLAG,
    "stopped": Kind.FLAG,
    "model": Kind.WORD,
    "timestamp": Kind.SECONDS,
    "extra": Kind.OBJECT,
}


@dataclass(frozen=True, slots=True)
class Ops:
    """Field operations on one message. A field is in `put` or in `add`, never in both."""

    put: Mapping[str, Json] = field(default_factory=dict)
    add: Mapping[str, Json] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.put or self.add)


@dataclass(frozen=True, slots=True)
class MessagePatch:
    """Operations on one message. first_s: Unix seconds of the first, the timestamp if the message is new."""

    first_s: int
    ops: Ops


@dataclass(frozen=True, slots=True)
class ChatPatch:
    """Operations on one chat.

    first_s, last_s: Unix seconds of the first and the last entry in it: created_at of a new chat, and updated_at.
    put: any of title (text), tags (tuple of text), current_id (text), created_at (Unix seconds), deleted (true).
    messages: by message id, in the order of their first appearance.
    """

    first_s: int
    last_s: int
    put: Mapping[str, Json] = field(default_factory=dict)
    messages: Mapping[str, MessagePatch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run of entries of one room changes. Immutable; `Changes()` changes nothing.

    chats: by chat id, from a user's room. rows: operations on rows of the other tables, by table and key.
    """

    chats: Mapping[str, ChatPatch] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.chats or self.rows)


def compose(*changes: Changes) -> Changes:
    """The changes that have the effect of the given ones, one after the other. Linear in their total size."""
    chats = {key: _compose_chats(runs) for key, runs in _grouped(part.chats for part in changes).items()}
    return Changes(chats, compose_rows(part.rows for part in changes if part.rows))


def sum_up(kind: Kind, values: Sequence[Any]) -> Any:
    """The first value with every later one added to it. Associative for each kind."""
    match kind:
        case Kind.TEXT:
            return "".join(values)
        case Kind.LIST:
            return tuple(chain.from_iterable(values))
        case Kind.KEYED:
            return keyed(chain.from_iterable(values))
        case Kind.OBJECT:
            return {key: item for value in values for key, item in value.items()}
        case _:
            raise TypeError(f"a {kind.value} field can only be put")


def keyed(items: Iterable[Json]) -> tuple[Json, ...]:
    """The items with one per text `id`: the last of an id stands where its first stood. Others are all kept."""
    kept: dict[object, Json] = {}
    for item in items:
        key = item.get("id") if isinstance(item, dict) else None
        kept[key if isinstance(key, str) else len(kept)] = item
    return tuple(kept.values())


def _grouped(parts: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for part in parts:
        for key, value in part.items():
            groups.setdefault(key, []).append(value)
    return groups


def _compose_chats(runs: Sequence[ChatPatch]) -> ChatPatch:
    if len(runs) == 1:
        return runs[0]
    messages = _grouped(run.messages for run in runs)
    put: JsonObject = {name: value for run in runs for name, value in run.put.items()}
    return ChatPatch(
        first_s=runs[0].first_s,
        last_s=max(run.last_s for run in runs),
        put=put,
        messages={key: _compose_messages(patches) for key, patches in messages.items()},
    )


def _compose_messages(patches: Sequence[MessagePatch]) -> MessagePatch:
    if len(patches) == 1:
        return patches[0]
    return MessagePatch(patches[0].first_s, compose_ops([patch.ops for patch in patches]))


def compose_ops(runs: Sequence[Ops]) -> Ops:
    """One Ops with the effect of all, in order: what was added before a put is forgotten, what comes after joins it."""
    put: JsonObject = {}
    added: dict[str, list[Json]] = {}
    for run in runs:
        for name, value in run.put.items():
            put[name] = value
            added.pop(name, None)
        for name, value in run.add.items():
            added.setdefault(name, []).append(value)
    add: JsonObject = {}
    for name, values in added.items():
        if name in put:
            put[name] = sum_up(MESSAGE_FIELDS[name], [put[name], *values])
        else:
            add[name] = sum_up(MESSAGE_FIELDS[name], values)
    return Ops(put, add)
