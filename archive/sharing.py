"""Who may read or write what is another user's: grants, folded from the room that is the log of record.

A chat's grants stand in its owner's room, a note's in the note's own. The entries are only read by the fold: no
client, and no event that a client can make a producer emit, writes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archive.patches import Changes
from archive.shapes import BadShape, Json, JsonObject, fields, identifier
from archive.tables import Column, Key, Op, Table
from streams.entry import Position

PERMISSIONS = ("read", "write")
MAX_KEY_CHARS = 400  # of a room: with a user's id it still fits one b-tree entry (2,704 bytes)

CHAT_ROOM = "chat:"
CHAT_GRANTS = "chat:grants"
NOTE_GRANTS = "note:grants"


@dataclass(frozen=True, slots=True)
class Grant:
    """permission: "read" or "write". room: `chat:{id}` or `note:{id}`."""

    room: str
    user_id: str
    permission: str = "read"


GRANTS = Table("grants", Grant, ("room", "user_id"), {"permission": Column.TEXT}, merges=False)


def grants_payload(room: str, changes: Mapping[str, str | None]) -> JsonObject:
    """The entry that changes grants: user id → permission, or None where it is taken away."""
    return {"room": room, "grants": dict(changes)}


def chat_grant_changes(_name: str, payload: JsonObject, _position: Position) -> Changes:
    """The changes of a `chat:grants` entry. Raises BadShape."""
    return _changes(payload, CHAT_ROOM)


def note_grant_changes(name: str, payload: JsonObject, _position: Position) -> Changes:
    """The changes of a `note:grants` entry of room `note:{name}`. Raises BadShape."""
    return _changes(payload | {"room": f"note:{name}"}, "note:")


def _changes(payload: JsonObject, kind: str) -> Changes:
    room = identifier(payload.get("room"), "room")
    if not room.startswith(kind) or len(room) > MAX_KEY_CHARS:
        raise BadShape(f"room is not a {kind}")
    ops: dict[Key, Op] = {
        (room, identifier(user_id, "user_id")): _op(permission)
        for user_id, permission in fields(payload.get("grants"), "grants").items()
    }
    return Changes(rows={GRANTS: ops}) if ops else Changes()


def _op(permission: Json) -> Op:
    if permission is None:
        return None
    if permission not in PERMISSIONS:
        raise BadShape("a permission is read, write or null")
    return {"permission": permission}
