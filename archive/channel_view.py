"""Some messages of a channel as readers see them: what is stored, with the not yet folded tail on top. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cmp_to_key
from typing import Self

from archive.channel import MESSAGES, REACTIONS, ChannelMessage, Reaction
from archive.shapes import Json, JsonObject
from archive.tables import Key, Rows, patched_rows
from archive.windows import Window
from streams.entry import Position


@dataclass(frozen=True, slots=True)
class Select:
    """What to read of a channel's messages.

    touched: ids whose rows are read one by one, and left out of windows and counts: the tail may change them.
    skip, limit: a window of the messages of `parent_id`'s thread (None: of the channel itself), the newest first.
    pinned: of those that are pinned instead, wherever they are.
    """

    channel_id: str
    touched: frozenset[str] = frozenset()
    parent_id: str | None = None
    skip: int = 0
    limit: int = 0
    pinned: bool = False

    def takes(self, message: ChannelMessage) -> bool:
        """Whether a message belongs to what the window is of."""
        return message.is_pinned if self.pinned else message.parent_id == self.parent_id

    @property
    def window(self) -> Window:
        """Of the untouched messages, what the page needs: touched ones may be newer."""
        return Window(self.skip, self.limit, len(self.touched))


@dataclass(frozen=True, slots=True)
class Replies:
    """A thread's size, and when its last message was posted (ns)."""

    count: int = 0
    latest_at: int = 0


@dataclass(frozen=True, slots=True)
class MessageView:
    """select: what was asked for. window: untouched keys in order. rows: those, the touched ones and what they quote.

    replies: by parent, of untouched messages only. position: of the channel's room, that it is complete up to.
    """

    select: Select
    window: tuple[Key, ...] = ()
    rows: Mapping[Key, ChannelMessage] = field(default_factory=dict)
    reactions: Mapping[Key, Reaction] = field(default_factory=dict)
    replies: Mapping[str, Replies] = field(default_factory=dict)
    position: Position = Position.ZERO

    def patched(self, rows: Rows, position: Position) -> Self:
        """The view after these operations, which must be on touched messages, or on reactions."""
        return replace(
            self,
            rows=patched_rows(MESSAGES, self.rows, rows),
            reactions=patched_rows(REACTIONS, self.reactions, rows),
            position=position,
        )

    def message(self, message_id: str) -> ChannelMessage | None:
        """A message that can be seen; None for one that is not there, or deleted."""
        found = self.rows.get((self.select.channel_id, message_id))
        return found if found is not None and found.is_visible else None

    def page(self) -> list[ChannelMessage]:
        """The window's messages, the newest first, touched ones in their places."""
        touched = [m for m in self._touched() if self.select.takes(m)]
        return self.select.window.page([self.rows[key] for key in self.window], touched, _newest_first)

    def wire(self, message: ChannelMessage) -> JsonObject:
        """The message as clients read it (Open WebUI's MessageResponse)."""
        quoted = self.message(message.reply_to_id) if message.reply_to_id else None
        replies = self._replies(message.id)
        return {
            **_plain(message),
            "reply_to_message": _plain(quoted) if quoted else None,
            "latest_reply_at": replies.latest_at or None,
            "reply_count": replies.count,
            "reactions": self._reactions(message.id),
        }

    def _touched(self) -> Iterable[ChannelMessage]:
        return (m for id_ in self.select.touched if (m := self.message(id_)) is not None)

    def _replies(self, message_id: str) -> Replies:
        stored = self.replies.get(message_id, Replies())
        times = [m.created_at for m in self._touched() if m.parent_id == message_id]
        return Replies(stored.count + len(times), max([stored.latest_at, *times]))

    def _reactions(self, message_id: str) -> list[Json]:
        users: dict[str, list[Json]] = {}
        found = (r for r in self.reactions.values() if r.message_id == message_id)
        for reaction in sorted(found, key=lambda r: (r.created_at, r.user_id)):
            users.setdefault(reaction.name, []).append({"id": reaction.user_id, "name": reaction.user_name})
        return [{"name": name, "users": who, "count": len(who)} for name, who in users.items()]


def touched_by(rows: Rows) -> frozenset[str]:
    """Ids of the messages whose rows these operations change."""
    return frozenset(message_id for _channel_id, message_id in rows.get(MESSAGES, {}))


def _compared(one: ChannelMessage, other: ChannelMessage) -> int:
    age, others = (one.created_at, one.id), (other.created_at, other.id)
    return (age < others) - (age > others)


_newest_first = cmp_to_key(_compared)


def _plain(message: ChannelMessage) -> JsonObject:
    """The message without what other messages, or reactions, say of it."""
    return {
        "id": message.id,
        "user_id": message.user_id,
        "app_id": None,
        "channel_id": message.channel_id,
        "reply_to_id": message.reply_to_id,
        "parent_id": message.parent_id,
        "is_pinned": message.is_pinned,
        "pinned_by": message.pinned_by,
        "pinned_at": message.pinned_at or None,
        "content": message.content,
        "data": message.data,
        "meta": message.meta,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
        "user": message.author,
    }
