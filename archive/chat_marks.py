"""What a user has read of a chat, and where it may find chats of others, folded from the user's own room."""

from __future__ import annotations

from dataclasses import dataclass

from archive.patches import Changes
from archive.shapes import JsonObject, seconds
from archive.tables import Column, Table


@dataclass(frozen=True, slots=True)
class ChatMark:
    """That a chat is or was of concern to a user. last_read_at: Unix seconds; 0: never."""

    user_id: str
    chat_id: str
    last_read_at: int = 0


CHAT_MARKS = Table("chat_marks", ChatMark, ("user_id", "chat_id"), {"last_read_at": Column.NUMBER})


def mark_changes(user_id: str, chat_id: str, data: JsonObject) -> Changes:
    """The changes of a `chat:list` hint that says until when its user has read the chat. Raises BadShape."""
    at_s = seconds(data.get("last_read_at"), "last_read_at")
    return Changes(rows={CHAT_MARKS: {(user_id, chat_id): {"last_read_at": at_s}}})


def access_changes(user_id: str, chat_id: str) -> Changes:
    """The changes of a `chat:access` hint: the user may have access to the chat now, or no longer."""
    return Changes(rows={CHAT_MARKS: {(user_id, chat_id): {}}})
