"""Reading chats: what is stored, with the not yet folded tail laid over it, so that all read their own writes."""

from __future__ import annotations

from typing import Any

from app.unfolded import READS, ChatBusy, changes_after, read_unfolded
from archive.chat import ChatSummary, StoredChat
from archive.chat_list import touched_chats
from archive.chat_tags import all_tags
from archive.fold import overlay
from archive.store import Archive
from archive.windows import Window
from archive.wire import to_wire
from registry.owners import Owners
from streams.entry import Position
from streams.replay import Reader

__all__ = ["READS", "ChatBusy", "Chats"]


class Chats:
    """Everything raises LogUnavailable, ArchiveUnavailable, ChatBusy."""

    def __init__(self, archive: Archive, reader: Reader, owners: Owners) -> None:
        self._archive = archive
        self._reader = reader
        self._owners = owners

    async def get(self, chat_id: str) -> tuple[StoredChat, Position] | None:
        """The chat, and the position that it is complete up to; None when there is no such chat."""
        owner = await self._owners.of(chat_id)
        if owner is None:
            return None
        room = f"user:{owner}"

        async def stored() -> tuple[Position, StoredChat | None]:
            folded = (await self._archive.stored([room]))[room]
            found = await self._archive.chat(chat_id)
            return (folded if found is None else found.position), found

        found = await read_unfolded(self._reader, room, stored)
        chat = overlay(found.stored, chat_id, owner, found.entries)
        return None if chat is None or chat.deleted else (chat, found.position)

    async def wire(self, chat_id: str) -> dict[str, Any] | None:
        """The chat as clients get it, with its position; None when there is no such chat."""
        found = await self.get(chat_id)
        return None if found is None else to_wire(*found)

    async def list_of(self, user_id: str, skip: int, limit: int) -> list[ChatSummary]:
        """A page of the user's chats, the last updated first."""
        room = f"user:{user_id}"

        async def stored() -> tuple[Position, None]:
            return (await self._archive.stored([room]))[room], None

        found = await read_unfolded(self._reader, room, stored)
        touched = touched_chats(changes_after(found.entries))
        window = Window(skip, limit, len(touched))
        listed = await self._archive.chat_list(user_id, window, sorted(touched))
        return listed.page(window, changes_after(found.entries, listed.position))

    async def tags_of(self, user_id: str) -> list[str]:
        """Every tag of the user's chats, once."""
        room = f"user:{user_id}"

        async def stored() -> tuple[Position, dict[str, list[str]]]:
            folded = (await self._archive.stored([room]))[room]
            return folded, await self._archive.chat_tags(user_id)

        found = await read_unfolded(self._reader, room, stored)
        return all_tags(found.stored, changes_after(found.entries))
