"""Who may read which room."""

from __future__ import annotations

from app.auth import Identity
from app.channels import Channels
from app.chats import ChatBusy
from archive.errors import ArchiveError
from registry.owners import Owners
from streams.errors import LogUnavailable


class Access:
    """Decides by the room's name and what the archive and the registry know.

    Raises LogUnavailable, also when the archive does not answer: nobody is let in undecided.
    """

    def __init__(self, owners: Owners, channels: Channels) -> None:
        self._owners = owners
        self._channels = channels

    async def may_read(self, identity: Identity, room: str) -> bool:
        """Whether the user may be in the room and read its history. Unknown rooms: no."""
        kind, _, name = room.partition(":")
        if not name:
            return False
        if kind == "user":
            return name == identity.user_id
        if kind == "chat":
            return await self.may_read_chat(identity, name)
        if kind == "channel":
            return await self._is_member(identity, name)
        return False

    async def _is_member(self, identity: Identity, channel_id: str) -> bool:
        try:
            stored = await self._channels.get(channel_id)
        except (ArchiveError, ChatBusy) as fault:
            raise LogUnavailable(f"the members of a channel cannot be read: {fault}") from fault
        return stored is not None and stored.member(identity.user_id) is not None

    async def may_read_chat(self, identity: Identity, chat_id: str) -> bool:
        owner = await self._owners.of(chat_id)
        return owner is not None and (owner == identity.user_id or identity.role == "admin")

    async def is_viewer(self, identity: Identity, room: str) -> bool:
        """Whether a member of this room counts as viewer of another user's chat: for those, copies are appended."""
        kind, _, name = room.partition(":")
        return kind == "chat" and await self._owners.of(name) != identity.user_id

    async def may_list(self, identity: Identity, room: str) -> bool:
        """Whether the user may read the room's log over HTTP: members, services and admins."""
        return identity.may_serve or await self.may_read(identity, room)
