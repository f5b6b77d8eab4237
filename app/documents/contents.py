"""A note's content for readers who do not edit it: what a page rendered, or what was derived from the document."""

from __future__ import annotations

from typing import Any

import orjson

from app.notes import Notes
from archive.notes import NOTE_ROOM
from archive.store import Archive
from archive.yjs.markdown import EMPTIED
from streams.documents import Content, DocumentLog


class Contents:
    """Everything raises LogUnavailable, reading ArchiveUnavailable too."""

    def __init__(self, archive: Archive, log: DocumentLog, notes: Notes) -> None:
        self._notes = notes
        self._archive = archive.documents
        self._log = log

    async def keep(self, note_id: str, content: Content) -> None:
        """Keep a rendering, unless a newer one is kept."""
        await self._log.content(f"doc_note:{note_id}", content)

    async def of(self, note_id: str) -> Any:
        """The note's newest content; None when it has none."""
        stored = await self._notes.get(note_id)
        return await self.newest(note_id, made_with(stored.note.data) if stored else None)

    async def newest(self, note_id: str, first: Any) -> Any:
        """The note's newest content. first: what it was made with, which counts while it has no document.

        Of a rendering and a document that has moved on since, the document counts: then it is what the fold derived.
        """
        waiting = await self._log.content_of(f"doc_note:{note_id}")
        stored = await self._archive.rendered(NOTE_ROOM + note_id)
        sent = [content for content in (waiting, stored.content if stored else None) if content]
        newest = max(sent, key=lambda content: content.position, default=None)
        if stored and stored.markdown and (newest is None or newest.position < stored.position):
            return {"md": "" if stored.markdown == EMPTIED else stored.markdown}
        return orjson.loads(newest.body) if newest else first


def made_with(data: Any) -> Any:
    """The content in a note's data, None when there is none."""
    return data.get("content") if isinstance(data, dict) else None
