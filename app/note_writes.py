"""Changing notes, without their documents. Every change is shown to the note's readers, by both names of the event."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Any

import orjson

from app.documents.contents import Contents
from app.emitter import Emitter
from app.notes import Notes, note_wire
from app.orders import Orders
from app.sharing import Shared, Sharing
from archive.notes import NOTE_ACCESS, NOTE_DELETE, NOTE_EVENT, NOTE_EVENT_OLD, NOTE_ROOM, StoredNote
from archive.shapes import JsonObject
from archive.sharing import NOTE_GRANTS
from streams.append import Appended, NewEntry
from streams.entry import Position

SHOWN_AGAIN = 10
"""How often a writer shows a note again that others changed meanwhile; then others are about to show it."""


class NoteWrites:
    """The caller vouches that the user may do it. All raise the errors of `Appender.append` and of reading."""

    def __init__(self, notes: Notes, emitter: Emitter, sharing: Sharing, orders: Orders, contents: Contents) -> None:
        self._notes = notes
        self._contents = contents
        self._emitter = emitter
        self._sharing = sharing
        self._orders = orders

    async def create(self, user_id: str, put: JsonObject) -> StoredNote:
        """Make a note of a user."""
        note_id, now = str(uuid.uuid4()), time.time_ns()
        whole = {"title": "", "data": None, "meta": None, **put}
        made: JsonObject = {"id": note_id, "user_id": user_id, **whole, "created_at": now, "updated_at": now}
        await asyncio.gather(self._show(note_id, made, list(made)), self._mark(user_id, note_id, quiet=True))
        found = await self._notes.get(note_id)
        assert found is not None
        return found

    async def update(self, stored: StoredNote, put: JsonObject) -> StoredNote | None:
        """Change fields of a note; keys of its `data` and `meta` that are not sent stay. None: it was deleted since.

        The last event of a note shows all of it: who finds that others changed it meanwhile shows it again.
        """
        note = stored.note
        merged = {name: _merged(getattr(note, name), value) for name, value in put.items()}
        merged["updated_at"] = max(time.time_ns(), note.updated_at + 1)
        shown = note_wire(stored) | merged
        position = await self._show(note.id, shown, list(merged))
        data = put.get("data")
        if isinstance(data, dict) and "content" in data:
            await self._contents.keep(note.id, position, data["content"])
        for _ in range(SHOWN_AGAIN):
            found = await self._notes.get(note.id)
            if found is None or note_wire(found) == shown:
                return found
            shown = note_wire(found)
            await self._show(note.id, shown, [])
        return found

    async def delete(self, stored: StoredNote) -> None:
        """Delete a note: when it returns, nobody can read it or is in its room."""
        room = NOTE_ROOM + stored.note.id
        await self._emitter.append(NewEntry(room, NOTE_DELETE, b"{}", quiet=True))
        await asyncio.gather(self._orders.close_room(room), self._orders.close_room(f"doc_{room}"))

    async def share(self, stored: StoredNote, wanted: Mapping[str, str]) -> None:
        """Give these users "read" or "write", and nobody else; those whose access changed are told."""
        note_id, room = stored.note.id, NOTE_ROOM + stored.note.id
        changed = await self._sharing.replace(
            Shared(room, room, NOTE_GRANTS, stored.note.user_id, f"doc_{room}"), wanted
        )
        await asyncio.gather(*(self._mark(user_id, note_id) for user_id in changed))

    async def _show(self, note_id: str, wire: JsonObject, changed: list[str]) -> Position:
        """Tell the note's readers, by both names of the event; the fold reads the first, whose place is returned."""
        first = NewEntry(NOTE_ROOM + note_id, NOTE_EVENT, orjson.dumps(wire | {"changed": list(changed)}))
        second = NewEntry(NOTE_ROOM + note_id, NOTE_EVENT_OLD, orjson.dumps(wire))
        shown, _old = await asyncio.gather(self._emitter.append(first), self._emitter.append(second))
        return shown.position

    async def _mark(self, user_id: str, note_id: str, quiet: bool = False) -> Appended:
        body = orjson.dumps({"note_id": note_id})
        return await self._emitter.append(NewEntry(f"user:{user_id}", NOTE_ACCESS, body, quiet=quiet))


def _merged(old: Any, new: Any) -> Any:
    return old | new if isinstance(old, dict) and isinstance(new, dict) else new
