"""How what is refused of documents is answered, and what is done so that nothing of a page's is missing for good."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from app import metrics
from app.documents.desk import Editing
from app.documents.desks import Desks
from app.documents.joins import Joins
from app.documents.news import DocumentNews
from app.documents.payloads import DocumentNamed
from app.documents.refusals import PASSING, Behind, Refusal, busy
from app.documents.repair import Repair
from app.documents.snapshots import Snapshots
from app.payloads import BadPayload, parse
from app.session import Session
from app.session_rooms import Refused, TooManyRooms
from app.unfolded import ChatBusy
from archive.errors import ArchiveError
from archive.yjs.vector import Vector
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.documents")

REFUSALS = (Refusal, Refused, TooManyRooms, BadPayload, LogUnavailable, ArchiveError, ChatBusy)

Handler = Callable[[Session, Any], Awaitable[Any]]


class Refusing:
    """A refusal is the acknowledgement `{error, message, …}`; pages that do not ask for one, and speak the
    first version of the protocol, are sent `error {message}` too. spawn: runs a coroutine in the node's task group."""

    def __init__(
        self,
        desks: Desks,
        joins: Joins,
        snapshots: Snapshots,
        repair: Repair,
        news: DocumentNews,
        spawn: Callable[[Any], Any],
    ) -> None:
        self._desks = desks
        self._joins = joins
        self._snapshots = snapshots
        self._repair = repair
        self._news = news
        self._spawn = spawn

    def refusing(self, handler: Handler, heals: bool = False) -> Handler:
        """The handler, with its refusals as answers. heals: what a stock page will not say again is asked for."""

        async def handle(session: Session, payload: Any) -> Any:
            try:
                return await handler(session, payload)
            except Behind:
                return await self._behind(session, payload)
            except REFUSALS as fault:
                refusal = refusal_of(fault)
                if heals:
                    self._heal(session, payload, refusal)
                return self._refuse(session, payload, refusal)

        return handle

    async def _behind(self, session: Session, payload: Any) -> dict[str, Any]:
        """The update stands on what the log does not have: the client is to send that too."""
        metrics.DOCUMENT_UPDATES.labels("behind").inc()
        editing = self._desks.editing(session, parse(DocumentNamed, payload).document_id)
        editing.compared = False
        if editing.version == 1:
            self._repair.ask(session, editing)
        opened = await self._snapshots.opened(editing.note_id)
        return {"resync": self._joins.out(Vector(opened.clocks).encoded())}

    def _refuse(self, session: Session, payload: Any, refusal: Refusal) -> dict[str, Any]:
        """Tell the sender why."""
        metrics.DOCUMENT_UPDATES.labels(refusal.code).inc()
        editing = self._named(session, payload)
        if not (editing.version == 2 if editing is not None else _speaks_two(payload)):
            session.send("error", orjson.dumps({"message": str(refusal)}))
        return refusal.wire()

    def _heal(self, session: Session, payload: Any, refusal: Refusal) -> None:
        """See to it that nothing of a stock page's is missing for good: it does not send again what was refused."""
        editing = self._named(session, payload)
        if editing is None or editing.version == 2:
            return
        if refusal.code in PASSING:
            self._repair.ask_later(session, editing, refusal.retry_after_s or 1.0)
        elif refusal.code == "epoch":
            self._spawn(self._news.expel(session, editing))

    def _named(self, session: Session, payload: Any) -> Editing | None:
        """The document that a payload names, if the session has it open."""
        try:
            return self._desks.editing(session, parse(DocumentNamed, payload).document_id)
        except (BadPayload, Refusal):
            return None


def refusal_of(fault: Exception) -> Refusal:
    if isinstance(fault, Refusal):
        return fault
    if isinstance(fault, Refused | TooManyRooms):
        return Refusal("denied", str(fault))
    if isinstance(fault, BadPayload):
        metrics.BAD_INPUT.inc()
        return Refusal("invalid", str(fault))
    log.warning("something of a document failed: %s", fault)
    return busy("the server is not ready, try again")


def _speaks_two(payload: Any) -> bool:
    """Whether the sender is known to read acknowledgements."""
    return isinstance(payload, dict) and (payload.get("v") == 2 or "epoch" in payload)
