"""Reading chats: what is stored, with the not yet folded tail laid over it, so that all read their own writes."""

from __future__ import annotations

from typing import Any

from archive.fold import overlay
from archive.store import Archive
from archive.wire import to_wire
from registry.owners import Owners
from streams.replay import Gap, Reader

READS = 3


class ChatBusy(Exception):
    """The log was trimmed between the two halves of every read that was tried. Try again."""


class Chats:
    def __init__(self, archive: Archive, reader: Reader, owners: Owners) -> None:
        self._archive = archive
        self._reader = reader
        self._owners = owners

    async def wire(self, chat_id: str) -> dict[str, Any] | None:
        """The chat as clients get it, with the position that it is complete up to; None when there is no such chat.

        Raises LogUnavailable, ArchiveUnavailable, ChatBusy.
        """
        owner = await self._owners.of(chat_id)
        if owner is None:
            return None
        room = f"user:{owner}"
        for _ in range(READS):
            folded = (await self._archive.stored([room]))[room]
            stored = await self._archive.chat(chat_id)
            after = stored.position if stored is not None else folded
            tail = await self._reader.tail_of(room, after)
            if not isinstance(tail, Gap):
                position, entries = tail
                chat = overlay(stored, chat_id, owner, entries)
                return to_wire(chat, position) if chat is not None else None
        raise ChatBusy(f"chat {chat_id} could not be read in one piece")
