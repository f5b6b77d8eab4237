"""Reading channels: what is stored, with the not yet folded tail laid over it, so that all nodes decide alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.unfolded import Unfolded, changes_after, read_unfolded
from archive.channel import CHANNEL_ROOM, MARKS, MESSAGES, ChannelMessage, Mark, Member, StoredChannel
from archive.channel_reads import Unread, UnreadAsk
from archive.channel_view import MessageView, Select, touched_by
from archive.store import Archive
from archive.tables import Key, patched_rows
from streams.entry import Entry, Position
from streams.replay import Gap, Reader

KNOWN_CHANNELS = 2_000
"""Channels whose members a node remembers, the last used ones."""


@dataclass(frozen=True, slots=True)
class Mine:
    """A channel as one of its members has it."""

    stored: StoredChannel
    member: Member
    mark: Mark

    @property
    def read_at(self) -> int:
        """Up to when (ns) the member has read it."""
        return max(self.mark.last_read_at, self.member.joined_at)


class Channels:
    """Every read sees all entries that were in the log when it began. Raises LogUnavailable, ArchiveUnavailable, and
    ChatBusy when the log was trimmed between the two halves of every try.
    """

    def __init__(self, archive: Archive, reader: Reader) -> None:
        self._archive = archive
        self._reader = reader
        self._known: OrderedDict[str, StoredChannel] = OrderedDict()

    async def get(self, channel_id: str) -> StoredChannel | None:
        """The channel, its members and webhooks; None when there is none."""
        stored = await self._from_known(channel_id) or await self._from_archive(channel_id)
        if not stored.exists:
            self._known.pop(channel_id, None)
            return None
        self._known[channel_id] = stored
        self._known.move_to_end(channel_id)
        if len(self._known) > KNOWN_CHANNELS:
            self._known.popitem(last=False)
        return stored

    async def _from_known(self, channel_id: str) -> StoredChannel | None:
        """What this node remembers, with what came since: asks the log only."""
        known = self._known.get(channel_id)
        if known is None:
            return None
        tail = await self._reader.tail_of(CHANNEL_ROOM + channel_id, known.position, vouch=True)
        return None if isinstance(tail, Gap) else known.patched(changes_after(tail[1]).rows, tail[0])

    async def _from_archive(self, channel_id: str) -> StoredChannel:
        async def stored() -> tuple[Position, StoredChannel]:
            channel = await self._archive.channels.channel(channel_id)
            return channel.position, channel

        found = await read_unfolded(self._reader, CHANNEL_ROOM + channel_id, stored)
        return found.stored.patched(changes_after(found.entries).rows, found.position)

    async def view(self, select: Select) -> MessageView:
        """The selected messages, with all that the log has of them."""
        tail = await self._tail(select.channel_id)
        touched = touched_by(changes_after(tail.entries).rows)
        view = await self._archive.channels.messages(replace(select, touched=select.touched | touched))
        return view.patched(changes_after(tail.entries, view.position).rows, max(tail.position, view.position))

    async def mine(self, user_id: str) -> list[Mine]:
        """The channels that a user is a member of."""
        found = []
        for mark in (await self.marks(user_id)).values():
            stored = await self.get(mark.channel_id)
            member = stored.member(user_id) if stored is not None else None
            if stored is not None and member is not None:
                found.append(Mine(stored, member, mark))
        return found

    async def marks(self, user_id: str) -> dict[Key, Mark]:
        """The user's marks: at least one for every channel that it may be in."""
        found = await read_unfolded(self._reader, f"user:{user_id}", lambda: self._archive.channels.marks(user_id))
        return patched_rows(MARKS, found.stored, changes_after(found.entries).rows)

    async def unread(self, user_id: str, mine: Sequence[Mine]) -> dict[str, tuple[int, int]]:
        """By channel: how many top-level messages of others are unread, and when the last one came (ns, 0: never)."""
        tails = {m.stored.channel.id: (await self._tail(m.stored.channel.id)).entries for m in mine}
        asks = [
            UnreadAsk(key, m.read_at, touched_by(changes_after(tails[key]).rows))
            for key, m in zip(tails, mine, strict=True)
        ]
        found = await self._archive.channels.unread(user_id, asks) if asks else {}
        return {a.channel_id: _counted(user_id, a, found[a.channel_id], tails[a.channel_id]) for a in asks}

    async def _tail(self, channel_id: str) -> Unfolded[None]:
        """The entries of the channel's room that are not folded yet; the last of them may be, by now."""
        room = CHANNEL_ROOM + channel_id

        async def stored() -> tuple[Position, None]:
            return (await self._archive.stored([room]))[room], None

        return await read_unfolded(self._reader, room, stored)


def _counted(user_id: str, ask: UnreadAsk, stored: Unread, tail: Iterable[Entry]) -> tuple[int, int]:
    rows: dict[Key, ChannelMessage] = {(m.channel_id, m.id): m for m in stored.touched}
    touched = patched_rows(MESSAGES, rows, changes_after(tail, stored.position).rows).values()
    visible = [m for m in touched if m.is_visible and m.parent_id is None and m.id in ask.touched]
    fresh = [m for m in visible if m.created_at > ask.since and m.user_id != user_id]
    return stored.count + len(fresh), max([stored.latest_at, *(m.created_at for m in visible)])
