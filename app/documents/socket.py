"""What clients say about documents over their sockets: `ydoc:*`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from app import metrics
from app.documents.desk import Editing
from app.documents.desks import Desks
from app.documents.joins import Joins
from app.documents.limits import DocumentLimits
from app.documents.payloads import AwarenessUpdate, DocumentJoin, DocumentNamed, DocumentUpdate, as_bytes
from app.documents.refusals import PASSING, Refusal, not_joined
from app.documents.refusing import REFUSALS, Handler, Refusing, refusal_of
from app.documents.renderings import Renderings
from app.documents.updates import UPDATE, AlreadySeeded, Updates
from app.packets import PLACEHOLDER
from app.payloads import BadPayload, parse
from app.session import Session
from app.session_rooms import SessionRooms
from app.sessions import NodeSessions
from streams.bus import Bus, Signal
from streams.entry import Position

AWARENESS = "ydoc:awareness:update"

JOIN_AGAIN_S = 2.0


class DocumentSocket:
    """The handlers by event. answered: makes answers of their refusals. spawn: runs a coroutine in the node's tasks."""

    def __init__(
        self,
        limits: DocumentLimits,
        desks: Desks,
        sessions: NodeSessions,
        rooms: SessionRooms,
        joins: Joins,
        updates: Updates,
        renderings: Renderings,
        answered: Refusing,
        bus: Bus,
        spawn: Callable[[Any], Any],
    ) -> None:
        self._limits = limits
        self._desks = desks
        self._sessions = sessions
        self._rooms = rooms
        self._joins = joins
        self._updates = updates
        self._renderings = renderings
        self._answered = answered
        self._bus = bus
        self._spawn = spawn

    def handlers(self) -> tuple[tuple[str, Handler], ...]:
        """Every event and what handles it."""
        refusing = self._answered.refusing
        return (
            ("ydoc:document:join", refusing(self.join)),
            ("ydoc:document:state", refusing(self.state)),
            (UPDATE, refusing(self.update, heals=True)),
            ("ydoc:document:leave", refusing(self.leave)),
            (AWARENESS, refusing(self.awareness)),
        )

    async def join(self, session: Session, payload: Any) -> dict[str, Any] | None:
        """`ydoc:document:join`: into the document -> `{v: 2, …}` for who speaks that; others get `…:state`."""
        join, desk = parse(DocumentJoin, payload), self._desks.of(session)
        room = f"doc_note:{join.document_id}"
        try:
            ack = await self._joins.join(session, desk, join)
        except REFUSALS as fault:
            if join.v != 2 and refusal_of(fault).code in PASSING and room not in desk.awaited:
                desk.awaited.add(room)
                self._later(session, room, payload)
            raise
        desk.awaited.discard(room)
        return ack

    def _later(self, session: Session, room: str, payload: Any) -> None:
        """A stock page asks once, and takes no edits before it has an answer: try for it until it has gone."""

        def again() -> None:
            if room in self._desks.of(session).awaited and self._sessions.by_sid.get(session.sid) is session:
                self._spawn(self._join_again(session, room, payload))

        asyncio.get_running_loop().call_later(JOIN_AGAIN_S, again)

    async def _join_again(self, session: Session, room: str, payload: Any) -> None:
        answer = await self._answered.refusing(self.join)(session, payload)
        if answer is not None and answer["error"] in PASSING:
            self._later(session, room, payload)
        else:
            self._desks.of(session).awaited.discard(room)

    async def state(self, session: Session, payload: Any) -> None:
        """`ydoc:document:state`: send the state again."""
        editing = self._desks.editing(session, parse(DocumentNamed, payload).document_id)
        await self._joins.state(session, self._desks.of(session), editing)

    async def leave(self, session: Session, payload: Any) -> None:
        """`ydoc:document:leave`."""
        room = f"doc_note:{parse(DocumentNamed, payload).document_id}"
        self._desks.of(session).open.pop(room, None)
        self._desks.of(session).awaited.discard(room)
        if room in session.feed.rooms:
            await self._rooms.leave(session, room)

    async def update(self, session: Session, payload: Any) -> Any:
        """`ydoc:document:update`: an update, a rendering of the note, or both -> `{position}`.

        With `initialize` it is the document's first content, and the acknowledgement the state that won.
        """
        said = parse(DocumentUpdate, payload)
        editing = self._desks.editing(session, said.document_id)
        if said.epoch is not None and said.epoch != editing.epoch:
            raise Refusal("epoch", "the update is of another history of the document")
        position = await self._take(session, editing, said) if said.update is not None else None
        if said.data is not None and "content" in said.data and not (said.initialize and position is None):
            position = await self._renderings.keep(session, editing, said.data["content"], position)
        if said.initialize:
            return await self._joins.winner(self._desks.of(session), editing)
        return {"position": str(position)} if position is not None else None

    async def _take(self, session: Session, editing: Editing, said: DocumentUpdate) -> Position | None:
        """Where the update is in the log; None when it was to be the first and is not."""
        awaited = editing.may_send_whole(asyncio.get_running_loop().time())
        limits = self._limits.whole if awaited else self._limits.update
        update = as_bytes(said.update, limits.bytes, "update")
        try:
            position = await self._updates.take(session, self._desks.of(session), editing, update, said.initialize)
        except AlreadySeeded:
            metrics.DOCUMENT_UPDATES.labels("seeded").inc()
            return None
        metrics.DOCUMENT_UPDATES.labels("taken").inc()
        return position

    async def awareness(self, session: Session, payload: Any) -> None:
        """`ydoc:awareness:update`: to the document's other editors, as it is; never in the log."""
        said = parse(AwarenessUpdate, payload)
        room = f"doc_note:{said.document_id}"
        if room not in session.feed.rooms:
            raise not_joined(f"note:{said.document_id}")
        update = as_bytes(said.update, self._limits.awareness_bytes, "awareness")
        if not update:
            raise BadPayload("update: is empty")
        self._desks.of(session).spend_awareness(asyncio.get_running_loop().time())
        body = {
            "document_id": f"note:{said.document_id}",
            "user_id": session.user_id,
            "update": orjson.Fragment(PLACEHOLDER),
            "socket_id": session.sid,
        }
        await self._bus.publish(Signal(room, AWARENESS, orjson.dumps(body), session.sid, update))
