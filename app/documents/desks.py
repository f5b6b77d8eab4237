"""The desks of this node's sessions: which documents each has open."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from app.documents.desk import Desk, Editing
from app.documents.limits import DocumentLimits
from app.documents.refusals import not_joined
from app.session import Session


class Desks:
    """A desk is gone with its session."""

    def __init__(self, limits: DocumentLimits) -> None:
        self._limits = limits
        self._desks: WeakKeyDictionary[Session, Desk] = WeakKeyDictionary()

    def of(self, session: Session) -> Desk:
        """The session's desk; an empty one when it had none."""
        desk = self._desks.get(session)
        if desk is None:
            desk = self._desks[session] = Desk(self._limits, asyncio.get_running_loop().time())
        return desk

    def editing(self, session: Session, note_id: str) -> Editing:
        """A document that the session has open. Raises Refusal when it has not."""
        room = f"doc_note:{note_id}"
        editing = self.of(session).open.get(room) if room in session.feed.rooms else None
        if editing is None:
            raise not_joined(f"note:{note_id}")
        return editing
