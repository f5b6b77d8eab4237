"""Who else may read or write a chat or a note: seen at once on every node, whether folded or not."""

from __future__ import annotations

from app.unfolded import changes_after, read_unfolded
from archive.sharing import GRANTS
from archive.store import Archive
from archive.tables import patched_rows
from streams.replay import Reader


class Grants:
    """Reads raise LogUnavailable, ArchiveUnavailable, ChatBusy."""

    def __init__(self, archive: Archive, reader: Reader) -> None:
        self._archive = archive
        self._reader = reader

    async def of(self, room: str, log: str) -> dict[str, str]:
        """user id → permission, "read" or "write"; the owner is not among them."""
        found = await read_unfolded(self._reader, log, lambda: self._archive.grants(room, log))
        after = patched_rows(GRANTS, found.stored, changes_after(found.entries).rows)
        return {grant.user_id: grant.permission for key, grant in after.items() if key[0] == room}
