"""Who may read which room."""

from __future__ import annotations

from collections.abc import Iterable

from app.abreast import abreast
from app.auth import Identity
from app.channels import Channels
from app.grants import Grants
from app.notes import Notes
from app.unfolded import ChatBusy
from archive.channel import StoredChannel
from archive.errors import ArchiveError
from registry.owners import Owners
from streams.errors import LogUnavailable


class Access:
    """Decides by the room's name and what the archive and the registry know.

    Raises LogUnavailable, also when the archive does not answer: nobody is let in undecided.
    """

    def __init__(self, owners: Owners, channels: Channels, grants: Grants, notes: Notes) -> None:
        self._owners = owners
        self._channels = channels
        self._grants = grants
        self._notes = notes

    async def may_read(self, identity: Identity, room: str) -> bool:
        """Whether the user may be in the room and read its history. Unknown rooms: no."""
        kind, _, name = room.partition(":")
        if not name:
            return False
        if kind == "user":
            return name == identity.user_id
        if kind == "chat":
            return await self.may_read_chat(identity, name)
        if kind == "note":
            return identity.role == "admin" or bool(await self.note_permission(identity, name))
        if kind == "doc_note":
            return bool(await self.note_permission(identity, name))
        if kind == "channel":
            return await self._is_member(identity, name)
        return False

    async def unreadable(self, identity: Identity, rooms: Iterable[str]) -> set[str]:
        """Those of the rooms that the user may not be in."""
        asked = list(rooms)
        allowed = await abreast(self.may_read(identity, room) for room in asked)
        return {room for room, may in zip(asked, allowed, strict=True) if not may}

    async def own_chats(self, identity: Identity, rooms: Iterable[str]) -> set[str]:
        """Those of the rooms that are for the viewers of a chat of this user."""
        asked = list(rooms)
        own = await abreast(self.is_own_chat(identity, room) for room in asked)
        return {room for room, mine in zip(asked, own, strict=True) if mine}

    async def note_permission(self, identity: Identity, note_id: str) -> str:
        """What the user may do with a note: "read", "write", or "" for none. Admins write every note that exists."""
        try:
            stored = await self._notes.get(note_id)
        except (ArchiveError, ChatBusy) as fault:
            raise LogUnavailable(f"who may read a note cannot be told now: {fault}") from fault
        if stored is None:
            return ""
        return "write" if identity.role == "admin" else stored.permission(identity.user_id)

    async def _is_member(self, identity: Identity, channel_id: str) -> bool:
        stored = await self._channel(channel_id)
        return stored is not None and stored.member(identity.user_id) is not None

    async def _channel(self, channel_id: str) -> StoredChannel | None:
        try:
            return await self._channels.get(channel_id)
        except (ArchiveError, ChatBusy) as fault:
            raise LogUnavailable(f"the members of a channel cannot be read: {fault}") from fault

    async def may_read_chat(self, identity: Identity, chat_id: str) -> bool:
        """The owner, admins, and whom the owner gave access."""
        owner = await self._owners.of(chat_id)
        if owner is None:
            return False
        if owner == identity.user_id or identity.role == "admin":
            return True
        return bool(await self._granted(identity, f"chat:{chat_id}", f"user:{owner}"))

    async def chat_to_write(self, identity: Identity, chat_id: str) -> str | None:
        """The chat's owner, if the user may write to the chat: the owner, admins, services, those with a grant to."""
        owner = await self._owners.of(chat_id)
        if owner is None or identity.may_serve or owner == identity.user_id:
            return owner
        return owner if await self._granted(identity, f"chat:{chat_id}", f"user:{owner}") == "write" else None

    async def chat_to_emit(self, identity: Identity, chat_id: str) -> str | None:
        """The chat's owner, if the user may put any event on the owner's pages: the owner, admins, services.

        A grant to write is none to ask, to run code, or to notify: those with one post contents and turns.
        """
        owner = await self._owners.of(chat_id)
        return owner if identity.may_serve or owner == identity.user_id else None

    async def _granted(self, identity: Identity, room: str, log: str) -> str:
        """The permission that the user was given, or ""."""
        try:
            return (await self._grants.of(room, log)).get(identity.user_id, "")
        except (ArchiveError, ChatBusy) as fault:
            raise LogUnavailable(f"who may read {room} cannot be told now: {fault}") from fault

    async def is_viewer(self, identity: Identity, room: str) -> bool:
        """Whether a member of this room counts as viewer of another user's chat: for those, copies are appended."""
        kind, _, name = room.partition(":")
        return kind == "chat" and await self._owners.of(name) != identity.user_id

    async def is_own_chat(self, identity: Identity, room: str) -> bool:
        """Whether the room is for the viewers of a chat of this user, who has its events in the own room."""
        return room.startswith("chat:") and not await self.is_viewer(identity, room)

    async def may_list(self, identity: Identity, room: str) -> bool:
        """Whether the user may read the room's log over HTTP: members, services, and admins, unless it is personal."""
        if identity.role == "service" or await self.may_read(identity, room):
            return True
        return identity.role == "admin" and not await self._is_personal(room)

    async def _is_personal(self, room: str) -> bool:
        """Of a channel that was deleted nobody can tell: its log stays for a while, and is taken for personal."""
        kind, _, name = room.partition(":")
        if kind != "channel":
            return False
        stored = await self._channel(name)
        return stored is None or stored.channel.is_personal
