"""A chat as it is stored: the snapshot that reads return and that patches apply to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from archive.patches import MESSAGE_FIELDS, ChatPatch, MessagePatch, Ops, sum_up
from archive.shapes import Json, JsonObject
from streams.entry import Position

NEW_TITLE = "New Chat"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message row. JSON values are not to be changed in place. timestamp: Unix seconds.

    extra: fields that a client stored with the message and that no column has, by their wire name.
    """

    id: str
    timestamp: int
    parent_id: str | None = None
    role: str = "assistant"
    content: str = ""
    status_history: tuple[Json, ...] = ()
    sources: tuple[Json, ...] = ()
    files: tuple[Json, ...] = ()
    embeds: tuple[Json, ...] = ()
    code_executions: tuple[Json, ...] = ()
    output: tuple[Json, ...] = ()
    follow_ups: tuple[Json, ...] = ()
    error: Json = None
    usage: Json = None
    done: bool = False
    stopped: bool = False
    model: str | None = None
    extra: JsonObject = field(default_factory=dict)

    def patched(self, ops: Ops) -> Self:
        """The message after these operations: the same that the database does (archive/columns.py)."""
        changes: dict[str, Any] = dict(ops.put)
        for name, value in ops.add.items():
            changes[name] = sum_up(MESSAGE_FIELDS[name], [getattr(self, name), value])
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class StoredChat:
    """A snapshot: a chat, its messages in order of insertion, and the position that it is folded up to.

    created_at, updated_at: Unix seconds; both 0 while nothing was folded into it (`empty`).
    position: of the owner's room `user:{user_id}`, not of this chat's last entry.
    deleted: its content is gone, and nothing brings it back.
    """

    id: str
    user_id: str
    title: str = NEW_TITLE
    tags: tuple[Json, ...] = ()
    current_id: str | None = None
    created_at: int = 0
    updated_at: int = 0
    messages: Mapping[str, StoredMessage] = field(default_factory=dict)
    position: Position = Position.ZERO
    deleted: bool = False

    @classmethod
    def empty(cls, chat_id: str, owner: str, position: Position = Position.ZERO) -> Self:
        """A chat that only the log knows: what its first entry is applied to."""
        return cls(id=chat_id, user_id=owner, position=position)

    def patched(self, patch: ChatPatch) -> Self:
        """The chat after this patch: the same that the database does. The position stays."""
        if self.deleted or patch.put.get("deleted"):
            return self._buried(patch)
        changes: dict[str, Any] = {
            "created_at": self.created_at or patch.first_s,
            "updated_at": max(self.updated_at, patch.last_s),
            "messages": self._messages(patch.messages),
            **patch.put,
        }
        return replace(self, **changes)

    def _buried(self, patch: ChatPatch) -> Self:
        updated_at = max(self.updated_at, patch.last_s)
        bare = replace(self, title="", tags=(), current_id=None, messages={}, deleted=True)
        return replace(bare, created_at=0, updated_at=updated_at)

    def _messages(self, patches: Mapping[str, MessagePatch]) -> Mapping[str, StoredMessage]:
        messages = dict(self.messages)
        for message_id, patch in patches.items():
            found = messages.get(message_id) or StoredMessage(message_id, timestamp=patch.first_s)
            messages[message_id] = found.patched(patch.ops)
        return messages


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """A line of a user's list of chats. Times in Unix seconds; 0 is never.

    unread_count: answers (messages of role "assistant") that began after last_read_at.
    """

    id: str
    title: str
    updated_at: int
    created_at: int
    last_read_at: int = 0
    unread_count: int = 0

    @classmethod
    def of(cls, chat: StoredChat, last_read_at: int) -> Self:
        """The line of a chat; of its messages, only role and timestamp count."""
        unread = [m for m in chat.messages.values() if m.role == "assistant" and m.timestamp > last_read_at]
        return cls(chat.id, chat.title, chat.updated_at, chat.created_at, last_read_at, len(unread))
