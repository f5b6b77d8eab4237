"""The chats of others that a user was given access to."""

from __future__ import annotations

from collections.abc import Mapping

from app.abreast import abreast
from app.unfolded import changes_after, read_unfolded
from archive.chat_marks import CHAT_MARKS
from archive.shared_list import SharedLine, SharedOf
from archive.store import Archive
from archive.tables import patched_rows
from registry.owners import Owners
from streams.entry import Position
from streams.replay import Reader


class SharedChats:
    """Everything raises LogUnavailable, ArchiveUnavailable, ChatBusy."""

    def __init__(self, archive: Archive, reader: Reader, owners: Owners) -> None:
        self._archive = archive
        self._reader = reader
        self._owners = owners

    async def list_of(self, user_id: str) -> list[SharedLine]:
        """All of them, the last updated first. Asks once for each owner."""
        room = f"user:{user_id}"
        found = await read_unfolded(self._reader, room, lambda: self._archive.shared_marks(user_id))
        marks = patched_rows(CHAT_MARKS, found.stored, changes_after(found.entries).rows)
        read_at = {mark.chat_id: mark.last_read_at for mark in marks.values()}
        owners = await abreast(self._owners.of(chat_id) for chat_id in read_at)
        by_owner: dict[str, dict[str, int]] = {}
        for (chat_id, at_s), owner in zip(read_at.items(), owners, strict=True):
            if owner is not None and owner != user_id:
                by_owner.setdefault(owner, {})[chat_id] = at_s
        lines = await abreast(self._of_owner(user_id, owner, chats) for owner, chats in by_owner.items())
        everything = [line for some in lines for line in some]
        return sorted(everything, key=lambda line: (-line.summary.updated_at, line.summary.id))

    async def _of_owner(self, user_id: str, owner: str, read_at: Mapping[str, int]) -> list[SharedLine]:
        async def stored() -> tuple[Position, SharedOf]:
            shared = await self._archive.shared_of(user_id, owner, list(read_at))
            return shared.position, shared

        found = await read_unfolded(self._reader, f"user:{owner}", stored)
        return found.stored.lines(read_at, changes_after(found.entries))
