"""Joining a document: into its room first, then what the client has to be sent, so that nothing is missed between."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import orjson

from app import metrics
from app.documents.access import DocumentAccess
from app.documents.contents import Contents
from app.documents.desk import Desk, Editing
from app.documents.limits import DocumentLimits
from app.documents.payloads import DocumentJoin, as_bytes
from app.documents.refusals import Refusal, busy
from app.documents.repair import STATE, Repair
from app.documents.snapshots import Snapshot, Snapshots
from app.documents.sync import Asked, Has, Mode, answer
from app.packets import PLACEHOLDER
from app.payloads import BadPayload, parse_position
from app.session import Session
from app.session_rooms import Refused, SessionRooms
from archive.yjs.errors import Malformed, OverLimit, Unmergeable
from archive.yjs.limits import Limits
from archive.yjs.merging import tree_merge
from archive.yjs.vector import Vector, decode_vector
from registry.present import Presence
from streams.bus import Bus, Signal
from streams.entry import Position

JOINED = "ydoc:user:joined"
PART = "ydoc:document:part"

PART_BYTES = 64 << 10
PROBED_BYTES = 256 << 10
"""Up to this size every page that joins is asked for what only it has; a state above it comes in parts."""

VECTOR_BYTES = 256 << 10
VECTOR_LIMITS = Limits(clients=VECTOR_BYTES)
"""A larger vector says nothing: who has it is sent all. An old document has many clients: each visit was a new one."""


class Joins:
    """All raise Refused, TooManyRooms, Refusal, BadPayload, and as reading does."""

    def __init__(
        self,
        limits: DocumentLimits,
        rooms: SessionRooms,
        access: DocumentAccess,
        snapshots: Snapshots,
        contents: Contents,
        presence: Presence,
        bus: Bus,
        repair: Repair,
        binary: bool,
    ) -> None:
        self._limits = limits
        self._rooms = rooms
        self._access = access
        self._snapshots = snapshots
        self._contents = contents
        self._presence = presence
        self._bus = bus
        self._repair = repair
        self._binary = binary

    async def join(self, session: Session, desk: Desk, join: DocumentJoin) -> dict[str, Any] | None:
        """Let a session into a document -> the acknowledgement of version 2; a stock page gets events."""
        room = f"doc_note:{join.document_id}"
        came_back = (session.returned or room in session.feed.rooms) and room not in desk.open
        asked = Asked(join.epoch or "", self._vector(join))
        since = parse_position(join.since) if join.since else None
        editing = await self._enter(session, desk, join)
        if editing.version == 2:
            ack = await self._welcome(session, desk, editing, asked, since)
        else:
            ack = None
            await self._greet(session, desk, editing, asked, came_back)
        desk.open[room] = editing
        body = {"document_id": editing.document_id, "user_id": session.user_id, "socket_id": session.sid}
        await self._bus.publish(Signal(room, JOINED, orjson.dumps(body | join.shown), session.sid))
        return ack

    async def state(self, session: Session, desk: Desk, editing: Editing) -> None:
        """Send a page the document's state."""
        await self._send_state(session, desk, editing, Asked())

    async def winner(self, desk: Desk, editing: Editing) -> bytes | list[int]:
        """The document's state, for who tried to fill it."""
        return self.out(_merged((await self._whole(desk, editing)).has))

    async def _whole(self, desk: Desk, editing: Editing) -> Snapshot:
        """The document, counted against what the session may ask for before anything large is read."""
        opened = await self._snapshots.opened(editing.note_id)
        desk.spend_state(opened.size_bytes, asyncio.get_running_loop().time())
        return await self._snapshots.read(editing.note_id)

    async def _enter(self, session: Session, desk: Desk, join: DocumentJoin) -> Editing:
        """The session in the document's room. Its user may read the document."""
        room, note_id = f"doc_note:{join.document_id}", join.document_id
        rooms = session.feed.rooms
        for left in [one for one in desk.open if one not in rooms]:
            del desk.open[left]
        others = sum(one.startswith("doc_note:") for one in rooms if one != room)
        if others >= self._limits.documents:
            limit = f"{self._limits.documents} documents"
            raise Refusal("denied", f"a session may have {limit} open", limit=limit)
        granted = await self._access.of(session.identity, note_id)
        if not granted.permission:
            raise Refused(f"there is no document note:{note_id[:100]} for you")
        if join.v == 2 and room not in rooms:
            session.rejoined |= {room}  # it says what it has when it is back, and is sent the rest as one update
        await self._rooms.join(session, room)
        opened = await self._snapshots.opened(note_id)
        editing = Editing(note_id, 2 if join.v == 2 else 1, opened.epoch, granted)
        if before := desk.open.get(room):
            editing.probed_at = before.probed_at
        return editing

    async def _greet(self, session: Session, desk: Desk, editing: Editing, asked: Asked, came_back: bool) -> None:
        """A stock page: its state, and the question for what only it has."""
        size = await self._send_state(session, desk, editing, asked)
        metrics.DOCUMENT_JOINS.labels("stock").inc()
        if editing.granted.may_write and size > 0 and (came_back or size <= PROBED_BYTES):
            self._repair.ask(session, editing)

    async def _send_state(self, session: Session, desk: Desk, editing: Editing, asked: Asked) -> int:
        """Returns the size of the document, 0 for an empty one."""
        snapshot = await self._whole(desk, editing)
        state = _merged(snapshot.has)
        sent = self._for(asked, snapshot.has, state)
        content = await self._contents.of(editing.note_id)
        body = {"document_id": editing.document_id, "state": orjson.Fragment(PLACEHOLDER)}
        if content is not None:
            body["content"] = content
        body["sessions"] = await self._presence.sids(editing.room)
        data = orjson.dumps(body)
        desk.spend_state(len(data), asyncio.get_running_loop().time())
        session.send_whole(STATE, data, sent)
        return 0 if snapshot.has.empty else len(state)

    def _for(self, asked: Asked, has: Has, state: bytes) -> bytes:
        """What a page lacks, if it says what it has. Two zero bytes would tell it that the document is empty."""
        if asked.vector is None or has.empty:
            return state
        sent = _answer(Asked(vector=asked.vector), has)[1]
        return state if sent == b"\0\0" else sent

    async def _welcome(
        self, session: Session, desk: Desk, editing: Editing, asked: Asked, since: Position | None
    ) -> dict[str, Any]:
        """Version 2: what it lacks, and what the log has, so that it sends the rest."""
        mode, update, position = await self._lacking(desk, editing, asked, since)
        metrics.DOCUMENT_JOINS.labels(mode).inc()
        opened = await self._snapshots.opened(editing.note_id)
        if opened.epoch != editing.epoch:
            raise busy("the document was restored a moment ago")
        ack: dict[str, Any] = {
            "v": 2,
            "epoch": opened.epoch,
            "mode": mode,
            "position": str(position),
            "write": editing.granted.may_write,
        }
        if mode == "epoch":
            return ack
        ack["state_vector"] = self.out(Vector(opened.clocks).encoded())
        if mode == "full":
            await self._add_content(ack, editing.note_id)
        if len(update) <= PROBED_BYTES:
            return ack | {"update": self.out(update)}
        return ack | self._in_parts(session, editing, update)

    async def _add_content(self, ack: dict[str, Any], note_id: str) -> None:
        """What an editor may fill an empty document with. Who knows the document gets none: it can be as large."""
        content = await self._contents.of(note_id)
        if content is not None and b'"_placeholder"' not in orjson.dumps(content):
            ack["content"] = content

    async def _lacking(
        self, desk: Desk, editing: Editing, asked: Asked, since: Position | None
    ) -> tuple[Mode, bytes, Position]:
        if since is not None and asked.epoch in ("", editing.epoch):
            tail = await self._snapshots.since(editing.note_id, since, editing.epoch)
            if tail is not None:
                position, updates = tail
                desk.spend_state(sum(map(len, updates)), asyncio.get_running_loop().time())
                return "tail", _merged(Has(editing.epoch, tree_merge([]), updates)), position
        snapshot = await self._whole(desk, editing)
        if snapshot.has.epoch != editing.epoch:
            raise busy("the document was restored a moment ago")
        mode, update = _answer(asked, snapshot.has)
        return mode, update, snapshot.position

    def _in_parts(self, session: Session, editing: Editing, update: bytes) -> dict[str, Any]:
        """Send a large update in numbered events, all of them before the acknowledgement that names them."""
        name = secrets.token_hex(8)
        pieces = [update[at : at + PART_BYTES] for at in range(0, len(update), PART_BYTES)]
        for number, piece in enumerate(pieces):
            body = {"document_id": editing.document_id, "id": name, "part": number, "parts": len(pieces)}
            session.send_whole(PART, orjson.dumps(body | {"data": orjson.Fragment(PLACEHOLDER)}), piece)
        return {"id": name, "parts": len(pieces)}

    def out(self, data: bytes) -> bytes | list[int]:
        """Bytes as they go into an acknowledgement."""
        return data if self._binary else list(data)

    def _vector(self, join: DocumentJoin) -> Vector | None:
        if join.state_vector is None:
            return None
        try:
            return decode_vector(as_bytes(join.state_vector, VECTOR_BYTES, "state_vector"), VECTOR_LIMITS)
        except Refusal:
            return None
        except (Malformed, OverLimit) as fault:
            raise BadPayload(f"state_vector: {fault}") from fault


def _merged(has: Has) -> bytes:
    try:
        return has.merged()
    except Unmergeable as fault:
        raise busy("the document cannot be read now", 5.0) from fault


def _answer(asked: Asked, has: Has) -> tuple[Mode, bytes]:
    try:
        return answer(asked, has)
    except Unmergeable as fault:
        raise busy("the document cannot be read now", 5.0) from fault
