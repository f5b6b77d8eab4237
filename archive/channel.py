"""A channel as it is stored: its row, members and webhooks, messages, reactions, and what each user marked of it.

Times of channels and their messages are Unix nanoseconds, as Open WebUI has them; 0 is "never".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from archive.shapes import Json
from archive.tables import Column, Key, Rows, Table, patched_rows
from streams.entry import Position

CHANNEL_ROOM = "channel:"


@dataclass(frozen=True, slots=True)
class Channel:
    """kind: "channel", "group" or "dm". created_by: "" while no entry created it. deleted: its content is gone."""

    id: str
    kind: str = "channel"
    name: str = ""
    description: str = ""
    created_by: str = ""
    is_private: bool = False
    data: Json = None
    meta: Json = None
    created_at: int = 0
    updated_at: int = 0
    deleted: bool = False

    @property
    def is_personal(self) -> bool:
        """Direct messages and groups: for their members alone, not for admins either, as Open WebUI has it."""
        return self.kind in ("dm", "group")


@dataclass(frozen=True, slots=True)
class Member:
    """role: "owner" or "member"."""

    channel_id: str
    user_id: str
    role: str = "member"
    joined_at: int = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """A way in for programs. token: whoever knows it may post. user_id: who made it."""

    channel_id: str
    id: str
    user_id: str = ""
    name: str = ""
    token: str = ""
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """author: {id, name, role} at the time of posting. user_id: "" while no entry posted it.

    parent_id: the message whose thread it stands in. reply_to_id: the message that it quotes.
    """

    channel_id: str
    id: str
    user_id: str = ""
    author: Json = None
    parent_id: str | None = None
    reply_to_id: str | None = None
    content: str = ""
    data: Json = None
    meta: Json = None
    is_pinned: bool = False
    pinned_by: str | None = None
    pinned_at: int = 0
    created_at: int = 0
    updated_at: int = 0
    deleted: bool = False

    @property
    def is_visible(self) -> bool:
        return bool(self.user_id) and not self.deleted


@dataclass(frozen=True, slots=True)
class Reaction:
    """One user's reaction with one name (an emoji's)."""

    channel_id: str
    message_id: str
    user_id: str
    name: str
    user_name: str = ""
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """What a user keeps of a channel, folded from the user's own room. A mark is also how an added user finds it."""

    user_id: str
    channel_id: str
    last_read_at: int = 0
    muted: bool = False


CHANNELS = Table(
    "channels",
    Channel,
    ("id",),
    {
        "kind": Column.TEXT,
        "name": Column.TEXT,
        "description": Column.TEXT,
        "created_by": Column.TEXT,
        "is_private": Column.FLAG,
        "data": Column.JSON,
        "meta": Column.JSON,
        "created_at": Column.NUMBER,
        "updated_at": Column.NUMBER,
        "deleted": Column.FLAG,
    },
    ends="deleted",
)
MEMBERS = Table(
    "channel_members",
    Member,
    ("channel_id", "user_id"),
    {"role": Column.TEXT, "joined_at": Column.NUMBER},
    merges=False,
)
WEBHOOKS = Table(
    "channel_webhooks",
    Webhook,
    ("channel_id", "id"),
    {"user_id": Column.TEXT, "name": Column.TEXT, "token": Column.TEXT, "created_at": Column.NUMBER},
    merges=False,
)
MESSAGES = Table(
    "channel_messages",
    ChannelMessage,
    ("channel_id", "id"),
    {
        "user_id": Column.TEXT,
        "author": Column.JSON,
        "parent_id": Column.WORD,
        "reply_to_id": Column.WORD,
        "content": Column.TEXT,
        "data": Column.JSON,
        "meta": Column.JSON,
        "is_pinned": Column.FLAG,
        "pinned_by": Column.WORD,
        "pinned_at": Column.NUMBER,
        "created_at": Column.NUMBER,
        "updated_at": Column.NUMBER,
        "deleted": Column.FLAG,
    },
    ends="deleted",
)
REACTIONS = Table(
    "channel_reactions",
    Reaction,
    ("channel_id", "message_id", "user_id", "name"),
    {"user_name": Column.TEXT, "created_at": Column.NUMBER},
    merges=False,
)
MARKS = Table(
    "channel_marks",
    Mark,
    ("user_id", "channel_id"),
    {"last_read_at": Column.NUMBER, "muted": Column.FLAG},
)


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A snapshot of everything but the messages. position: of the channel's room, that it is folded up to."""

    channel: Channel
    members: Mapping[Key, Member] = field(default_factory=dict)
    webhooks: Mapping[Key, Webhook] = field(default_factory=dict)
    position: Position = Position.ZERO

    @property
    def exists(self) -> bool:
        return bool(self.channel.created_by) and not self.channel.deleted

    def member(self, user_id: str) -> Member | None:
        """The user's membership; None when there is none, or no such channel."""
        return self.members.get((self.channel.id, user_id)) if self.exists else None

    def webhook(self, webhook_id: str) -> Webhook | None:
        return self.webhooks.get((self.channel.id, webhook_id)) if self.exists else None

    def patched(self, rows: Rows, position: Position) -> Self:
        """The channel after these operations, complete up to a position."""
        own = patched_rows(CHANNELS, {(self.channel.id,): self.channel}, rows)
        return replace(
            self,
            channel=own[(self.channel.id,)],
            members=patched_rows(MEMBERS, self.members, rows),
            webhooks=patched_rows(WEBHOOKS, self.webhooks, rows),
            position=position,
        )
