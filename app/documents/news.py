"""What happens to documents while pages have them open, and how those pages are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from app.documents.desk import Editing
from app.documents.desks import Desks
from app.documents.repair import Repair
from app.session import Session
from app.session_rooms import SessionRooms
from app.sessions import NodeSessions
from streams.entry import Entry
from streams.errors import LogUnavailable

CLOSED = "ydoc:document:closed"


class DocumentNews:
    """spawn: runs a coroutine in the node's task group."""

    def __init__(
        self,
        desks: Desks,
        sessions: NodeSessions,
        rooms: SessionRooms,
        repair: Repair,
        spawn: Callable[[Any], Any],
    ) -> None:
        self._desks = desks
        self._sessions = sessions
        self._rooms = rooms
        self._repair = repair
        self._spawn = spawn

    def taken_out(self, session: Session, room: str, order: str) -> None:
        """An order took a session out of a room: its user may not read the document any more, or it is gone."""
        if room.startswith("doc_note:"):
            _close(session, room, "deleted" if order == "close" else "denied")

    def restored(self, entry: Entry) -> None:
        """The document has another history from this entry on. Who speaks version 2 is told by the entry itself."""
        for session in self._sessions.members(entry.room):
            editing = self._desks.of(session).open.get(entry.room)
            if editing is not None and editing.version == 1 and editing.epoch != entry.epoch:
                self._spawn(self.expel(session, editing))

    async def expel(self, session: Session, editing: Editing) -> None:
        """A stock page cannot change to another history: it is told to load anew."""
        self._desks.of(session).open.pop(editing.room, None)
        words = f"{editing.document_id[:100]} was restored: load the page again"
        session.send("error", orjson.dumps({"message": words}))
        _close(session, editing.room, "epoch")
        try:
            await self._rooms.leave(session, editing.room)
        except LogUnavailable:
            self._sessions.cut_off(session)  # its record still has the room; what it sends is refused by its epoch

    def log_began_anew(self) -> None:
        """The log's server lost what it may have acknowledged: pages are asked for what they have."""
        for session in list(self._sessions.by_sid.values()):
            for room, editing in self._desks.of(session).open.items():
                if editing.version == 1 and room in session.feed.rooms:
                    self._repair.ask(session, editing)


def _close(session: Session, room: str, reason: str) -> None:
    """Tell a client that it edits a document no longer."""
    session.send(CLOSED, orjson.dumps({"document_id": room.removeprefix("doc_"), "reason": reason}))
