"""What clients say about documents over their sockets: `ydoc:*`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

import orjson

from app import metrics
from app.documents.access import DocumentAccess
from app.documents.contents import Contents
from app.documents.desk import RENDER_S, Desk, Editing
from app.documents.joins import Joins
from app.documents.limits import DocumentLimits
from app.documents.payloads import AwarenessUpdate, DocumentJoin, DocumentNamed, DocumentUpdate, as_bytes, too_large
from app.documents.refusals import PASSING, Behind, Refusal, busy, not_joined
from app.documents.repair import Repair
from app.documents.snapshots import Snapshots
from app.documents.updates import UPDATE, AlreadySeeded, Updates
from app.packets import PLACEHOLDER
from app.payloads import BadPayload, parse
from app.session import Session
from app.session_rooms import Refused, SessionRooms, TooManyRooms
from app.sessions import NodeSessions
from app.unfolded import ChatBusy
from archive.errors import ArchiveError
from archive.yjs.vector import Vector
from streams.bus import Bus, Signal
from streams.documents import Content
from streams.entry import Entry, Position
from streams.errors import LogUnavailable

AWARENESS = "ydoc:awareness:update"
CLOSED = "ydoc:document:closed"

REFUSALS = (Refusal, Refused, TooManyRooms, BadPayload, LogUnavailable, ArchiveError, ChatBusy)

log = logging.getLogger("roomlog.documents")

JOIN_AGAIN_S = 2.0

Handler = Callable[[Session, Any], Awaitable[Any]]


class DocumentSocket:
    """The handlers by event. A refusal is the acknowledgement `{error, message, …}`; pages that do not ask for one, and
    speak the first version of the protocol, are sent `error {message}` too."""

    def __init__(
        self,
        limits: DocumentLimits,
        sessions: NodeSessions,
        rooms: SessionRooms,
        access: DocumentAccess,
        joins: Joins,
        updates: Updates,
        snapshots: Snapshots,
        contents: Contents,
        repair: Repair,
        bus: Bus,
        spawn: Callable[[Any], Any],
    ) -> None:
        self._limits = limits
        self._sessions = sessions
        self._rooms = rooms
        self._access = access
        self._joins = joins
        self._updates = updates
        self._snapshots = snapshots
        self._contents = contents
        self._repair = repair
        self._bus = bus
        self._spawn = spawn
        self._desks: WeakKeyDictionary[Session, Desk] = WeakKeyDictionary()

    def handlers(self) -> tuple[tuple[str, Handler], ...]:
        """Every event and what handles it."""
        return (
            ("ydoc:document:join", self._refusing(self.join)),
            ("ydoc:document:state", self._refusing(self.state)),
            (UPDATE, self._refusing(self.update, heals=True)),
            ("ydoc:document:leave", self._refusing(self.leave)),
            (AWARENESS, self._refusing(self.awareness)),
        )

    async def join(self, session: Session, payload: Any) -> dict[str, Any] | None:
        """`ydoc:document:join`: into the document -> `{v: 2, …}` for who speaks that; others get `…:state`."""
        join, desk = parse(DocumentJoin, payload), self._desk(session)
        room = f"doc_note:{join.document_id}"
        try:
            ack = await self._joins.join(session, desk, join)
        except REFUSALS as fault:
            if join.v != 2 and _refusal(fault).code in PASSING and room not in desk.awaited:
                desk.awaited.add(room)
                self._later(session, room, payload)
            raise
        desk.awaited.discard(room)
        return ack

    def _later(self, session: Session, room: str, payload: Any) -> None:
        """A stock page asks once, and takes no edits before it has an answer: try for it until it has gone."""

        def again() -> None:
            if room in self._desk(session).awaited and self._sessions.by_sid.get(session.sid) is session:
                self._spawn(self._join_again(session, room, payload))

        asyncio.get_running_loop().call_later(JOIN_AGAIN_S, again)

    async def _join_again(self, session: Session, room: str, payload: Any) -> None:
        answer = await self._refusing(self.join)(session, payload)
        if answer is not None and answer["error"] in PASSING:
            self._later(session, room, payload)
        else:
            self._desk(session).awaited.discard(room)

    async def state(self, session: Session, payload: Any) -> None:
        """`ydoc:document:state`: send the state again."""
        editing = self._editing(session, parse(DocumentNamed, payload).document_id)
        await self._joins.state(session, self._desk(session), editing)

    async def leave(self, session: Session, payload: Any) -> None:
        """`ydoc:document:leave`."""
        room = f"doc_note:{parse(DocumentNamed, payload).document_id}"
        self._desk(session).open.pop(room, None)
        self._desk(session).awaited.discard(room)
        if room in session.feed.rooms:
            await self._rooms.leave(session, room)

    async def update(self, session: Session, payload: Any) -> Any:
        """`ydoc:document:update`: an update, a rendering of the note, or both -> `{position}`.

        With `initialize` it is the document's first content, and the acknowledgement the state that won.
        """
        said = parse(DocumentUpdate, payload)
        editing = self._editing(session, said.document_id)
        if said.epoch is not None and said.epoch != editing.epoch:
            raise Refusal("epoch", "the update is of another history of the document")
        position = await self._take(session, editing, said) if said.update is not None else None
        if said.data is not None and "content" in said.data and not (said.initialize and position is None):
            position = await self._keep(session, editing, said.data["content"], position)
        if said.initialize:
            return await self._joins.winner(self._desk(session), editing)
        return {"position": str(position)} if position is not None else None

    async def _take(self, session: Session, editing: Editing, said: DocumentUpdate) -> Position | None:
        """Where the update is in the log; None when it was to be the first and is not."""
        awaited = editing.may_send_whole(asyncio.get_running_loop().time())
        limits = self._limits.whole if awaited else self._limits.update
        update = as_bytes(said.update, limits.bytes, "update")
        try:
            position = await self._updates.take(session, self._desk(session), editing, update, said.initialize)
        except AlreadySeeded:
            metrics.DOCUMENT_UPDATES.labels("seeded").inc()
            return None
        metrics.DOCUMENT_UPDATES.labels("taken").inc()
        return position

    async def _keep(self, session: Session, editing: Editing, content: object, position: Position | None) -> Position:
        """Keep a rendering of the whole note, as of an update that came with it, or of all that came before."""
        now, body = asyncio.get_running_loop().time(), _json(content)
        if len(body) > self._limits.hard_bytes:
            raise too_large("content", self._limits.hard_bytes)
        if position is None:
            self._desk(session).spend_update(0, now, awaited=False)
            editing.granted = await self._access.renewed(session.identity, editing.note_id, editing.granted)
            self._updates.check(editing)
            position = await self._snapshots.head(editing.note_id)
        waits, editing.rendering = editing.rendering is not None, Content(position, body)
        wait_s = editing.rendered_at + RENDER_S - now
        if wait_s <= 0:
            await self._keep_newest(editing)
        elif not waits:
            self._spawn(self._keep_after(editing, wait_s))
        return position

    async def _keep_newest(self, editing: Editing) -> None:
        if editing.rendering is not None:
            rendering, editing.rendering = editing.rendering, None
            editing.rendered_at = asyncio.get_running_loop().time()
            await self._contents.keep(editing.note_id, rendering)

    async def _keep_after(self, editing: Editing, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        try:
            await self._keep_newest(editing)
        except LogUnavailable as fault:
            log.warning("a rendering of %s was not kept, the next one is: %s", editing.document_id, fault)

    async def awareness(self, session: Session, payload: Any) -> None:
        """`ydoc:awareness:update`: to the document's other editors, as it is; never in the log."""
        said = parse(AwarenessUpdate, payload)
        room = f"doc_note:{said.document_id}"
        if room not in session.feed.rooms:
            raise not_joined(f"note:{said.document_id}")
        update = as_bytes(said.update, self._limits.awareness_bytes, "awareness")
        if not update:
            raise BadPayload("update: is empty")
        self._desk(session).spend_awareness(asyncio.get_running_loop().time())
        body = {
            "document_id": f"note:{said.document_id}",
            "user_id": session.user_id,
            "update": orjson.Fragment(PLACEHOLDER),
            "socket_id": session.sid,
        }
        await self._bus.publish(Signal(room, AWARENESS, orjson.dumps(body), session.sid, update))

    # what happens to documents

    def taken_out(self, session: Session, room: str, order: str) -> None:
        """An order took a session out of a room: its user may not read the document any more, or it is gone."""
        if room.startswith("doc_note:"):
            _close(session, room, "deleted" if order == "close" else "denied")

    def restored(self, entry: Entry) -> None:
        """The document has another history from this entry on. Who speaks version 2 is told by the entry itself."""
        for session in self._sessions.members(entry.room):
            editing = self._desk(session).open.get(entry.room)
            if editing is not None and editing.version == 1 and editing.epoch != entry.epoch:
                self._spawn(self._expel(session, editing))

    async def _expel(self, session: Session, editing: Editing) -> None:
        """A stock page cannot change to another history: it is told to load anew."""
        self._desk(session).open.pop(editing.room, None)
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
            for room, editing in self._desk(session).open.items():
                if editing.version == 1 and room in session.feed.rooms:
                    self._repair.ask(session, editing)

    # refusals

    def _refusing(self, handler: Handler, heals: bool = False) -> Handler:
        """The handler, with its refusals as answers. heals: what a stock page will not say again is asked for."""

        async def handle(session: Session, payload: Any) -> Any:
            try:
                return await handler(session, payload)
            except Behind:
                return await self._behind(session, payload)
            except REFUSALS as fault:
                refusal = _refusal(fault)
                if heals:
                    self._heal(session, payload, refusal)
                return self._refuse(session, payload, refusal)

        return handle

    async def _behind(self, session: Session, payload: Any) -> dict[str, Any]:
        """The update stands on what the log does not have: the client is to send that too."""
        metrics.DOCUMENT_UPDATES.labels("behind").inc()
        editing = self._editing(session, parse(DocumentNamed, payload).document_id)
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
            self._spawn(self._expel(session, editing))

    def _named(self, session: Session, payload: Any) -> Editing | None:
        """The document that a payload names, if the session has it open."""
        try:
            return self._editing(session, parse(DocumentNamed, payload).document_id)
        except (BadPayload, Refusal):
            return None

    def _desk(self, session: Session) -> Desk:
        desk = self._desks.get(session)
        if desk is None:
            desk = self._desks[session] = Desk(self._limits, asyncio.get_running_loop().time())
        return desk

    def _editing(self, session: Session, note_id: str) -> Editing:
        room = f"doc_note:{note_id}"
        editing = self._desk(session).open.get(room) if room in session.feed.rooms else None
        if editing is None:
            raise not_joined(f"note:{note_id}")
        return editing


def _json(content: object) -> bytes:
    """Raises BadPayload for what cannot be sent on: bytes, and what is nested so deep that no envelope fits around."""
    try:
        return orjson.dumps([[[[content]]]])[4:-4]
    except orjson.JSONEncodeError as fault:
        raise BadPayload(f"content: {fault}") from fault


def _close(session: Session, room: str, reason: str) -> None:
    """Tell a client that it edits a document no longer."""
    session.send(CLOSED, orjson.dumps({"document_id": room.removeprefix("doc_"), "reason": reason}))


def _refusal(fault: Exception) -> Refusal:
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
