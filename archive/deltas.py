"""Runs of deltas: of an entry that only adds to a message's text, nothing but the text is kept until the run ends.

Nearly all entries are deltas. A patch for each, composed afterwards, costs several times what decoding its JSON does.
Deltas of different messages do not touch each other, so a run may be of any number of messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from archive.patches import Changes, ChatPatch, MessagePatch, Ops
from archive.shapes import MAX_ID_CHARS, Json, JsonObject

DELTAS = ("message", "chat:message:delta")
"""Types of `events` entries that add `content` to the message's text."""

_NOT_STORED = ("local:", "temporary:", "channel:")  # chat ids that Open WebUI never stores


def is_stored(chat_id: str) -> bool:
    """Whether a chat by this id is stored: not one that only a page knows, nor one that is a channel."""
    return chat_id != "local" and not chat_id.startswith(_NOT_STORED)


@dataclass(slots=True)
class _Added:
    """What a run adds to one message. Unix seconds of its first and its last entry."""

    first_s: int
    last_s: int
    texts: list[str] = field(default_factory=list)


class Deltas:
    """A run of deltas of one user's room; `changes` is what all of them change."""

    def __init__(self) -> None:
        self._added: dict[tuple[str, str], _Added] = {}

    def __bool__(self) -> bool:
        return bool(self._added)

    def take(self, payload: JsonObject, at_s: int) -> bool:
        """Add an entry to the run. False, and nothing is done, when it is not a delta beyond any doubt."""
        text = _text(payload.get("data"))
        chat_id, message_id = payload.get("chat_id"), payload.get("message_id")
        if text is None or not isinstance(chat_id, str) or not isinstance(message_id, str):
            return False
        added = self._added.get((chat_id, message_id))
        if added is None and not (_names(message_id) and _names(chat_id) and is_stored(chat_id)):
            return False
        if added is None:
            added = self._added[chat_id, message_id] = _Added(at_s, at_s)
        elif at_s > added.last_s:
            added.last_s = at_s
        added.texts.append(text)
        return True

    def changes(self) -> Changes:
        """The same that the entries change one by one."""
        chats: dict[str, list[tuple[str, _Added]]] = {}
        for (chat_id, message_id), added in self._added.items():
            chats.setdefault(chat_id, []).append((message_id, added))
        return Changes({chat_id: _patch(messages) for chat_id, messages in chats.items()})


def _text(envelope: Json) -> str | None:
    """What a delta adds; None for anything else."""
    if not isinstance(envelope, dict) or envelope.get("type") not in DELTAS:
        return None
    data = envelope.get("data")
    text = data.get("content") if isinstance(data, dict) else None
    return text if isinstance(text, str) else None


def _names(value: str) -> bool:
    return 0 < len(value) <= MAX_ID_CHARS


def _patch(messages: list[tuple[str, _Added]]) -> ChatPatch:
    return ChatPatch(
        first_s=messages[0][1].first_s,
        last_s=max(added.last_s for _, added in messages),
        messages={
            message_id: MessagePatch(added.first_s, Ops(add={"content": "".join(added.texts)}))
            for message_id, added in messages
        },
    )
