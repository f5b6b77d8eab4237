"""What a user may do with a document, and as of when that was found out."""

from __future__ import annotations

from dataclasses import dataclass

from app.access import Access
from app.auth import Identity
from archive.notes import NOTE_ROOM
from streams.entry import Position
from streams.replay import Reader


@dataclass(frozen=True, slots=True)
class Granted:
    """permission: "read", "write", or "" for none. head: the newest entry of the note's room when it was read.

    All that changes who may write a note, its deletion too, is an entry of the note's room: as long as the head is the
    same, so is the permission of a user of this role. The log compares the head when it appends.
    """

    permission: str
    head: Position
    role: str

    @property
    def may_write(self) -> bool:
        return self.permission == "write"


class DocumentAccess:
    """Raises LogUnavailable, also when the archive does not answer: nobody is let in undecided."""

    def __init__(self, access: Access, reader: Reader) -> None:
        self._access = access
        self._reader = reader

    async def of(self, identity: Identity, note_id: str) -> Granted:
        """What the user may do."""
        head = await self._reader.head(NOTE_ROOM + note_id)
        return Granted(await self._access.note_permission(identity, note_id), head, identity.role)

    async def renewed(self, identity: Identity, note_id: str, granted: Granted) -> Granted:
        """The same, read anew only if something happened to the note since."""
        head = await self._reader.head(NOTE_ROOM + note_id)
        return granted if (head, identity.role) == (granted.head, granted.role) else await self.of(identity, note_id)
