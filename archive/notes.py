"""A note as it is stored, and what entries do to it. Its document (`doc_note:`) is another room's business.

Times are Unix nanoseconds, as Open WebUI has them for notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from archive.patches import Changes
from archive.shapes import BadShape, Check, Json, JsonObject, fields, identifier, number, text, texts
from archive.sharing import GRANTS, Grant
from archive.tables import Column, Key, Rows, Table, patched_rows
from streams.entry import Position

NOTE_ROOM = "note:"
NOTE_EVENT = "events:note"
NOTE_EVENT_OLD = "note-events"  # the same, as Open WebUI 0.6 names it; not folded
NOTE_DELETE = "note:delete"  # only the fold reads it
NOTE_ACCESS = "note:access"  # in a user's own room: the user may find the note in its list, or no longer
MAX_KEY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Note:
    """user_id: its owner, "" while no entry made it. deleted: its content is gone, and nothing brings it back."""

    id: str
    user_id: str = ""
    title: str = ""
    data: Json = None
    meta: Json = None
    created_at: int = 0
    updated_at: int = 0
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class NoteMark:
    """That a user may have access to a note: how it is found for the user's list."""

    user_id: str
    note_id: str
    marked_at: int = 0


NOTES = Table(
    "notes",
    Note,
    ("id",),
    {
        "user_id": Column.TEXT,
        "title": Column.TEXT,
        "data": Column.OBJECT,
        "meta": Column.OBJECT,
        "created_at": Column.NUMBER,
        "updated_at": Column.NUMBER,
        "deleted": Column.FLAG,
    },
    ends="deleted",
)
NOTE_MARKS = Table("note_marks", NoteMark, ("user_id", "note_id"), {"marked_at": Column.NUMBER})


@dataclass(frozen=True, slots=True)
class StoredNote:
    """A snapshot. position: of the note's room, that it is complete up to."""

    note: Note
    grants: Mapping[Key, Grant] = field(default_factory=dict)
    position: Position = Position.ZERO

    @property
    def exists(self) -> bool:
        return bool(self.note.user_id) and not self.note.deleted

    def permission(self, user_id: str) -> str:
        """ "read", "write", or "" for none."""
        if not self.exists:
            return ""
        if self.note.user_id == user_id:
            return "write"
        grant = self.grants.get((NOTE_ROOM + self.note.id, user_id))
        return grant.permission if grant else ""

    def patched(self, rows: Rows, position: Position) -> Self:
        """The note after these operations."""
        key = (self.note.id,)
        return replace(
            self,
            note=patched_rows(NOTES, {key: self.note}, rows)[key],
            grants=patched_rows(GRANTS, self.grants, rows),
            position=position,
        )


def _object(value: Json, name: str) -> Json:
    return None if value is None else fields(value, name)


_FIELDS: Mapping[str, Check] = {
    "user_id": identifier,
    "title": text,
    "data": _object,
    "meta": _object,
    "created_at": number,
    "updated_at": number,
}
_IN_PARTS = ("data", "meta")


def note_changes(name: str, payload: JsonObject, _position: Position) -> Changes:
    """The changes of an `events:note` entry: it shows the note, and says in `changed` what of it is new.

    changed: names of fields; `data.{key}` and `meta.{key}` for one key of these, the others stay.
    """
    if "changed" not in payload:
        return Changes()
    put: JsonObject = {}
    for what in texts(payload["changed"], "changed"):
        field, _, key = str(what).partition(".")
        if field not in _FIELDS:
            continue
        value = _FIELDS[field](payload.get(field), field)
        if key and field in _IN_PARTS:
            value = {**_dict(put.get(field)), key: _dict(value).get(key)}
        put[field] = value
    return Changes(rows={NOTES: {(_key(name),): put}}) if put else Changes()


def _dict(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def note_deletion(name: str, _payload: JsonObject, _position: Position) -> Changes:
    """The changes of a `note:delete` entry."""
    bare = Note("")
    put: JsonObject = {column: getattr(bare, column) for column in NOTES.columns}
    return Changes(rows={NOTES: {(_key(name),): {**put, "deleted": True}}})


def note_mark(name: str, payload: JsonObject, position: Position) -> Changes:
    """The changes of a `note:access` entry of room `user:{name}`."""
    key = (identifier(name, "user"), _key(fields(payload, "the payload").get("note_id")))
    return Changes(rows={NOTE_MARKS: {key: {"marked_at": position.ms}}})


def _key(value: Json) -> str:
    found = identifier(value, "note_id")
    if len(found) > MAX_KEY_CHARS:
        raise BadShape(f"note_id has {len(found)} characters, expected at most {MAX_KEY_CHARS}")
    return found
