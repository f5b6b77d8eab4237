"""Documents in tests: somebody who types, and what the log is handed of it."""

from __future__ import annotations

import json
from typing import Any

from pycrdt import Doc, Text

from archive.yjs import read
from archive.yjs.cursor import write_uint
from streams.append import NewEntry
from streams.document_change import FIRST_EPOCH, DocumentChange

ROOM = "doc_note:n"
DOCUMENT = "note:n"


class Editor:
    """A person with a copy of the document, whose updates are taken as they come."""

    def __init__(self, client: int = 1) -> None:
        self.client = client
        self.doc: Doc[Any] = Doc(client_id=client)
        self._text = self.doc.get("text", type=Text)

    def type(self, text: str, at: int | None = None) -> bytes:
        """Write at a place, the end if left out; returns the update."""
        before = self.doc.get_state()
        self._text.insert(len(self._text) if at is None else at, text)
        return self.doc.get_update(before)

    def delete(self, start: int, end: int) -> bytes:
        before = self.doc.get_state()
        del self._text[start:end]
        return self.doc.get_update(before)

    def see(self, *updates: bytes) -> None:
        for update in updates:
            self.doc.apply_update(update)

    @property
    def text(self) -> str:
        return str(self._text)


def text_of(state: bytes) -> str:
    """The text of a stored state."""
    reader = Editor(2**31)
    reader.see(state)
    return reader.text


def change_of(update: bytes, epoch: str = FIRST_EPOCH, **more: Any) -> DocumentChange:
    """What an update needs and brings, as the reader has it."""
    found = read(update)
    return DocumentChange(epoch, found.spans, found.needs, **more)


def entry_of(update: bytes, user: str = "alice", epoch: str = FIRST_EPOCH, room: str = ROOM) -> NewEntry:
    """An update as a node appends it."""
    data = {"document_id": room.removeprefix("doc_"), "user_id": user, "socket_id": f"sid of {user}"}
    body = json.dumps(data | {"update": {"_placeholder": True, "num": 0}}).encode()
    return NewEntry(room, "ydoc:document:update", body, binary=update, change=change_of(update, epoch))


def poison(client: int, parent: int) -> bytes:
    """An update that the reader accepts and no document integrates: text inside the first character of `parent`."""
    numbers = (1, 1, client, 0, 4, 0, parent, 0, 1)
    return b"".join(map(write_uint, numbers)) + b"z\0"
