"""Renderings of whole notes, as pages send them with every keystroke: the newest is kept, not every one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from app.documents.access import DocumentAccess
from app.documents.contents import Contents
from app.documents.desk import RENDER_S, Editing
from app.documents.desks import Desks
from app.documents.limits import DocumentLimits
from app.documents.payloads import too_large
from app.documents.snapshots import Snapshots
from app.documents.updates import Updates
from app.payloads import BadPayload
from app.session import Session
from streams.documents import Content
from streams.entry import Position
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.documents")


class Renderings:
    """spawn: runs a coroutine in the node's task group."""

    def __init__(
        self,
        limits: DocumentLimits,
        desks: Desks,
        access: DocumentAccess,
        updates: Updates,
        snapshots: Snapshots,
        contents: Contents,
        spawn: Callable[[Any], Any],
    ) -> None:
        self._limits = limits
        self._desks = desks
        self._access = access
        self._updates = updates
        self._snapshots = snapshots
        self._contents = contents
        self._spawn = spawn

    async def keep(self, session: Session, editing: Editing, content: object, position: Position | None) -> Position:
        """Keep a rendering of the whole note, as of an update that came with it, or of all that came before."""
        now, body = asyncio.get_running_loop().time(), _json(content)
        if len(body) > self._limits.hard_bytes:
            raise too_large("content", self._limits.hard_bytes)
        if position is None:
            self._desks.of(session).spend_update(0, now, awaited=False)
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


def _json(content: object) -> bytes:
    """Raises BadPayload for what cannot be sent on: bytes, and what is nested so deep that no envelope fits around."""
    try:
        return orjson.dumps([[[[content]]]])[4:-4]
    except orjson.JSONEncodeError as fault:
        raise BadPayload(f"content: {fault}") from fault
