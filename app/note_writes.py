"""Changing notes, without their documents. Every change is shown to the note's readers, by both names of the event."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.documents.contents import Contents
from app.emitter import Emitter
from app.notes import Notes, note_wire
from app.orders import Orders
from app.sharing import Shared, Sharing
from archive.notes import NOTE_ACCESS, NOTE_DELETE, NOTE_EVENT, NOTE_EVENT_OLD, NOTE_ROOM, StoredNote
from archive.shapes import JsonObject
from archive.sharing import NOTE_GRANTS, grants_payload
from streams.append import Appended, NewEntry, Once
from streams.documents import Content
from streams.errors import KeyReused

_SPACE = uuid.UUID("0b2f3c0e-9b1f-4d0a-8f55-2f8f0a3c6d21")  # of ids that follow from an idempotency key

SHOWN_AGAIN = 10
"""How often a writer shows a note again that others changed meanwhile; then others are about to show it."""


@dataclass(frozen=True, slots=True)
class Written:
    """note: as it is now; None: it was deleted since. appended: where the write is; None: there was none to make."""

    note: StoredNote | None
    appended: Appended | None


class NoteWrites:
    """The caller vouches that the user may do it. All raise the errors of `Appender.append` and of reading."""

    def __init__(self, notes: Notes, emitter: Emitter, sharing: Sharing, orders: Orders, contents: Contents) -> None:
        self._notes = notes
        self._contents = contents
        self._emitter = emitter
        self._sharing = sharing
        self._orders = orders

    async def create(self, user_id: str, put: JsonObject, once: Once | None = None) -> Written:
        """Make a note of a user. With `once` it is made once. Raises KeyReused when that was deleted since."""
        note_id, now = _id_of(once), time.time_ns()
        whole = {"title": "", "data": None, "meta": None, **put}
        made: JsonObject = {"id": note_id, "user_id": user_id, **whole, "created_at": now, "updated_at": now}
        found = await self._notes.get(note_id) if once is not None else None
        if found is not None:
            return Written(found, None)
        appended, _mark = await asyncio.gather(
            self._show(note_id, made, made, list(made), once), self._mark(user_id, note_id, quiet=True)
        )
        found = await self._notes.get(note_id)
        if found is None:
            raise KeyReused("the note that this key made was deleted since")
        return Written(found, appended)

    async def update(self, stored: StoredNote, put: JsonObject, once: Once | None = None) -> Written:
        """Change fields of a note; keys of its `data` and `meta` that are not sent stay, whoever else writes at once.

        The last event of a note shows all of it: who finds that others changed it meanwhile shows it again.
        """
        note = stored.note
        sent = {name: value for name, value in put.items() if value is not None}
        data = sent.get("data")
        news = data if isinstance(data, dict) else {}
        merged = {name: _merged(getattr(note, name), value) for name, value in sent.items()}
        merged["updated_at"] = max(time.time_ns(), note.updated_at + 1)
        shown = note_wire(stored) | merged
        appended = await self._show(note.id, shown | {"data": news}, shown, [*_changed(sent), "updated_at"], once)
        if "content" in news:
            content = Content(appended.position, orjson.dumps(news["content"]))
            await self._contents.keep(note.id, content)
        if appended.repeated:
            return Written(await self._notes.get(note.id), appended)
        return Written(await self._settled(note.id, shown), appended)

    async def _settled(self, note_id: str, shown: JsonObject) -> StoredNote | None:
        """The note, once its readers were shown all of it. shown: what they were shown last."""
        for _ in range(SHOWN_AGAIN):
            found = await self._notes.get(note_id)
            if found is None or note_wire(found) == shown:
                return found
            shown = note_wire(found)
            await self._show(note_id, shown, shown, [])
        return found

    async def delete(self, stored: StoredNote) -> Appended:
        """Delete a note: when it returns, nobody can read it or is in its room."""
        room = NOTE_ROOM + stored.note.id
        appended = await self._emitter.append(NewEntry(room, NOTE_DELETE, b"{}", quiet=True))
        await asyncio.gather(self._orders.close_room(room), self._orders.close_room(f"doc_{room}"))
        return appended

    async def share(self, stored: StoredNote, wanted: Mapping[str, str]) -> Appended | None:
        """Give these users "read" or "write", and nobody else; those whose access changed are told.

        Returns where the grants stand in the note's room; None when nothing changed.
        """
        note_id, room = stored.note.id, NOTE_ROOM + stored.note.id
        shared = Shared(room, room, NOTE_GRANTS, stored.note.user_id, f"doc_{room}")
        changed, appended = await self._sharing.replace(shared, wanted)
        await asyncio.gather(*(self._mark(user_id, note_id) for user_id in changed))
        return appended

    async def give(self, stored: StoredNote, user_id: str, permission: str) -> Appended:
        """Give one more user "read" or "write", whoever else is given access at once."""
        room = NOTE_ROOM + stored.note.id
        body = orjson.dumps(grants_payload(room, {user_id: permission}))
        appended = await self._emitter.append(NewEntry(room, NOTE_GRANTS, body, quiet=True))
        await self._mark(user_id, stored.note.id)
        return appended

    async def _show(
        self, note_id: str, wire: JsonObject, whole: JsonObject, changed: list[str], once: Once | None = None
    ) -> Appended:
        """Tell the note's readers, by both names of the event; the fold reads the first, whose place is returned.

        wire: its `data` may hold no more than was sent (as Open WebUI 0.12 does). whole: for 0.6.
        """
        first = NewEntry(NOTE_ROOM + note_id, NOTE_EVENT, orjson.dumps(wire | {"changed": changed}), once=once)
        again = replace(once, scope=f"{once.scope}:{NOTE_EVENT_OLD}") if once is not None else None
        second = NewEntry(NOTE_ROOM + note_id, NOTE_EVENT_OLD, orjson.dumps(whole), once=again)
        shown, _old = await asyncio.gather(self._emitter.append(first), self._emitter.append(second))
        return shown

    async def _mark(self, user_id: str, note_id: str, quiet: bool = False) -> Appended:
        body = orjson.dumps({"note_id": note_id})
        return await self._emitter.append(NewEntry(f"user:{user_id}", NOTE_ACCESS, body, quiet=quiet))


def _id_of(once: Once | None) -> str:
    """A new note's id; the same key and body name the same note."""
    return str(uuid.uuid4() if once is None else uuid.uuid5(_SPACE, "\n".join((once.scope, once.key, once.digest))))


def _changed(sent: Mapping[str, Any]) -> list[str]:
    """What `events:note` calls new: a field, or a key of one that has keys."""
    return [
        path for name, v in sent.items() for path in ([f"{name}.{k}" for k in v] if isinstance(v, dict) else [name])
    ]


def _merged(old: Any, new: Any) -> Any:
    return old | new if isinstance(old, dict) and isinstance(new, dict) else new
