"""A chat as clients read it: the form of `GET /api/v1/chats/{id}` (docs/contract.md §7)."""

from __future__ import annotations

from typing import Any

from archive.chat import StoredChat, StoredMessage
from archive.shapes import Json, JsonObject
from streams.entry import Position


def to_wire(chat: StoredChat, position: Position | None = None) -> dict[str, Any]:
    """The chat as JSON values. position: that the snapshot is folded up to; the chat's own if not given.

    childrenIds follow from parentId, by timestamp and then by insertion. currentId is the last message while no
    event has named one.
    """
    messages = sorted(chat.messages.values(), key=lambda message: message.timestamp)
    children: dict[str | None, list[Json]] = {}
    for message in messages:
        children.setdefault(message.parent_id, []).append(message.id)
    last_id = messages[-1].id if messages else None
    history: JsonObject = {
        "currentId": chat.current_id or last_id,
        "messages": {m.id: message_wire(m) | {"childrenIds": children.get(m.id, [])} for m in messages},
    }
    return {
        "id": chat.id,
        "user_id": chat.user_id,
        "title": chat.title,
        "chat": {"title": chat.title, "tags": chat.tags, "history": history},
        "updated_at": chat.updated_at,
        "created_at": chat.created_at,
        "position": str(chat.position if position is None else position),
    }


def message_wire(message: StoredMessage) -> JsonObject:
    """The message as clients read it, without what others say of it."""
    wire: JsonObject = {
        **message.extra,
        "id": message.id,
        "parentId": message.parent_id,
        "childrenIds": [],
        "role": message.role,
        "content": message.content,
        "statusHistory": message.status_history,
        "sources": message.sources,
        "files": message.files,
        "embeds": message.embeds,
        "followUps": message.follow_ups,
        "error": message.error,
        "done": message.done,
        "model": message.model,
        "timestamp": message.timestamp,
    }
    present: JsonObject = {
        "code_executions": message.code_executions,
        "output": message.output,
        "usage": message.usage,
        "stopped": message.stopped,
    }
    return wire | {name: value for name, value in present.items() if value}
