"""Taking an update: read, compared where it may be a whole state, and appended if it fits."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import orjson

from app.documents.access import DocumentAccess
from app.documents.desk import Desk, Editing
from app.documents.limits import DocumentLimits
from app.documents.refusals import Behind, Refusal, busy, not_joined
from app.documents.snapshots import Snapshots
from app.emitter import Emitter
from app.packets import PLACEHOLDER
from app.session import Session
from archive.notes import NOTE_ROOM
from archive.yjs.errors import Malformed, OverLimit, Unmergeable
from archive.yjs.limits import Limits
from archive.yjs.merging import diff
from archive.yjs.reader import Span, Update, read
from archive.yjs.vector import Vector, nothing_new
from streams.append import NewEntry
from streams.document_change import DocumentChange
from streams.entry import Position
from streams.errors import (
    DocumentFull,
    DocumentGap,
    DocumentUnknown,
    EntryTooLarge,
    LogUnavailable,
    Moved,
    OtherEpoch,
    RoomFull,
    Seeded,
)

UPDATE = "ydoc:document:update"

TRIES = 4
"""Appends of one update: each after what the log did not know, or what had moved, was read."""

INLINE_BYTES = 32 << 10
"""Updates above this are read in a thread: a pure reader takes about 5 ms for so much."""


class AlreadySeeded(Exception):
    """The document is not empty: what it holds is what counts. Nothing was stored."""


class Updates:
    """All raise Refusal, Behind, and as reading does."""

    def __init__(self, limits: DocumentLimits, access: DocumentAccess, snapshots: Snapshots, emitter: Emitter) -> None:
        self._limits = limits
        self._access = access
        self._snapshots = snapshots
        self._emitter = emitter
        self._large = asyncio.Lock()
        """Held while a state is read that is larger than any update: that takes up to 100 MB of memory."""

    async def take(self, session: Session, desk: Desk, editing: Editing, update: bytes, seed: bool = False) -> Position:
        """Append what is new in an update; returns where it is in the log, or where all of it was before.

        seed: only into an empty document. Raises AlreadySeeded.
        """
        now = asyncio.get_running_loop().time()
        awaited = editing.may_send_whole(now)
        desk.spend_update(len(update), now, awaited)
        if not editing.granted.may_write:
            editing.granted = await self._access.renewed(session.identity, editing.note_id, editing.granted)
            self.check(editing)
        if awaited and len(update) > INLINE_BYTES:
            editing.answers -= 1
        limits = self._limits.whole if awaited else self._limits.update
        async with self._large if len(update) > self._limits.update.bytes else nullcontext():
            parsed = await _read(update, limits)
        if not editing.compared or (awaited and all(start == 0 for _client, start, _end in parsed.spans)):
            return await self._compared(session, editing, update, parsed, seed, limits)
        if parsed.empty:
            return (await self._snapshots.opened(editing.note_id)).head
        return await self._append(session, editing, update, parsed, seed)

    async def _compared(
        self, session: Session, editing: Editing, update: bytes, parsed: Update, seed: bool, limits: Limits
    ) -> Position:
        """The same for what may be all that a client has: only what the log lacks is appended.

        limits: the same for what is cut as for all of it, or a page's state would pass only if nothing of it was there.
        """
        opened = await self._snapshots.opened(editing.note_id)
        vector = Vector(opened.clocks)
        known: tuple[Span, ...] = ()
        if parsed.deletes and nothing_new(Update(parsed.spans), vector, ()):
            known = await self._deletes(editing, vector)
        if opened.epoch == editing.epoch and nothing_new(parsed, vector, known):
            editing.compared = True
            return opened.head
        if any(start < vector.clock(client) for client, start, _end in parsed.spans):
            update = await _trimmed(update, vector)
            parsed = await _read(update, limits)
        position = await self._append(session, editing, update, parsed, seed)
        editing.compared = True
        return position

    async def _deletes(self, editing: Editing, vector: Vector) -> tuple[Span, ...]:
        try:
            return await self._snapshots.deletes(editing.note_id, vector)
        except Unmergeable as fault:
            raise busy("the document cannot be read now", 5.0) from fault

    async def _append(self, session: Session, editing: Editing, update: bytes, parsed: Update, seed: bool) -> Position:
        for _ in range(TRIES):
            if editing.room not in session.feed.rooms:
                raise not_joined(editing.document_id)
            if editing.granted.role != session.identity.role:
                await self._look_again(session, editing)
            try:
                appended = await self._emitter.append(self._entry(session, editing, update, parsed, seed))
                return appended.position
            except DocumentUnknown:
                await self._snapshots.opened(editing.note_id)
            except Moved:
                await self._look_again(session, editing)
            except DocumentGap as fault:
                raise Behind from fault
            except Seeded as fault:
                raise AlreadySeeded from fault
            except OtherEpoch as fault:
                raise Refusal("epoch", "the document was restored: it has another history now") from fault
            except DocumentFull as fault:
                raise self._full(fault) from fault
            except EntryTooLarge as fault:
                raise Refusal("too_large", str(fault), limit="max_message_bytes") from fault
            except (RoomFull, LogUnavailable) as fault:
                raise busy("the log does not take more of this document now", 2.0) from fault
        raise busy("the note is being changed by others, try again")

    async def _look_again(self, session: Session, editing: Editing) -> None:
        editing.granted = await self._access.of(session.identity, editing.note_id)
        self.check(editing)

    def _entry(self, session: Session, editing: Editing, update: bytes, parsed: Update, seed: bool) -> NewEntry:
        body = {
            "document_id": editing.document_id,
            "user_id": session.user_id,
            "update": orjson.Fragment(PLACEHOLDER),
            "socket_id": session.sid,
        }
        cap_bytes = self._limits.soft_bytes if parsed.spans else self._limits.hard_bytes
        unmoved = (NOTE_ROOM + editing.note_id, editing.granted.head)
        change = DocumentChange(editing.epoch, parsed.spans, parsed.needs, seed, cap_bytes=cap_bytes, unmoved=unmoved)
        return NewEntry(editing.room, UPDATE, orjson.dumps(body), session.sid, binary=update, change=change)

    def check(self, editing: Editing) -> None:
        """Raises Refusal unless the user may write."""
        if editing.granted.may_write:
            return
        if editing.granted.permission:
            raise Refusal("readonly", f"{editing.document_id[:100]} is for you to read, not to write")
        raise not_joined(editing.document_id)

    def _full(self, fault: DocumentFull) -> Refusal:
        """Updates that are not folded yet take more than they will: then it may pass later."""
        limit = f"document {fault.cap_bytes} bytes"
        if fault.unfolded_bytes > fault.cap_bytes // 8:
            return Refusal(
                "busy", f"the document is above {fault.cap_bytes} bytes for now", limit=limit, retry_after_s=5
            )
        return Refusal("too_large", f"a document may have {fault.cap_bytes} bytes", limit=limit)


async def _read(update: bytes, limits: Limits) -> Update:
    try:
        if len(update) <= INLINE_BYTES:
            return read(update, limits)
        return await asyncio.to_thread(read, update, limits)
    except OverLimit as fault:
        limit = f"update {fault.most} {fault.limit}"
        raise Refusal("too_large", f"an update may have {fault.most} {fault.limit}", limit=limit) from fault
    except Malformed as fault:
        raise Refusal("invalid", f"not a Yjs update: {fault}") from fault


async def _trimmed(update: bytes, vector: Vector) -> bytes:
    try:
        return await asyncio.to_thread(diff, update, vector)
    except Unmergeable as fault:
        raise Refusal("invalid", "the update cannot be compared with the document") from fault
