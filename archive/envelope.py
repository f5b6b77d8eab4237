"""How an event of a message stands in the log: written here, read by the fold and by clients (docs/contract.md §5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import orjson

from archive.text import storable_json
from streams.append import Copy, Fence, NewEntry, Once

TURN = "chat:messages"
"""Pages take a new turn only as something shared: the owner's own tabs are told it so, too."""

_SHARED = b',"shared":true'


def message_entry(
    user_id: str,
    chat_id: str,
    message_id: str | None,
    kind: str,
    data: Any,
    *,
    once: Once | None = None,
    fence: Fence | None = None,
    quiet: bool = False,
) -> NewEntry:
    """The entry of an `events` event in its chat owner's room, with a copy for the chat's other viewers.

    NUL, which cannot be stored, is U+FFFD already here. quiet: only the fold reads it; then there is no copy. Raises
    TypeError for data that JSON cannot have.
    """
    stem = _stem(user_id, chat_id, message_id)
    body = storable_json(stem.opening + orjson.dumps({"type": kind, "data": data}) + b"}")
    copy = None if quiet else stem.copy
    if kind == TURN and copy is not None:
        body, copy = b'{"shared":true,' + body[1:], replace(copy, head=copy.head.removesuffix(_SHARED))
    return NewEntry(stem.room, "events", body, quiet=quiet, once=once, fence=fence, copy=copy)


@dataclass(frozen=True, slots=True)
class _Stem:
    """What all events of a message have in common. opening: their JSON up to the event's own."""

    room: str
    opening: bytes
    copy: Copy


@lru_cache(maxsize=1000)
def _stem(user_id: str, chat_id: str, message_id: str | None) -> _Stem:
    """Kept, because an answer is hundreds of events of one message."""
    room = f"user:{user_id}"
    ids = orjson.dumps({"chat_id": chat_id, "message_id": message_id})
    copy = Copy(f"chat:{chat_id}", b'"user_id":%b' % orjson.dumps(user_id) + _SHARED, skip=room)
    return _Stem(room, ids[:-1] + b',"data":', copy)


def active_entry(user_id: str, chat_id: str, message_id: str, active: bool) -> NewEntry:
    """The entry that tells a chat's pages whether a task of it runs. folder_id: for the page's list; there are none.

    message_id: what the task that began or ended writes to; without one a page does not see that it ended."""
    return message_entry(user_id, chat_id, message_id, "chat:active", {"active": active, "folder_id": None})
