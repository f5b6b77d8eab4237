"""Merging the history that a page sends into the chat that the log knows. No I/O.

Open WebUI's page posts all of its history after every answer. It may lack what it missed, and an older text must never
take the place of a newer one. So, of a message that is known already:

- a user's message is the page's own: its text and files are taken as they are sent;
- an answer belongs to its producers. Taken are: an edit, which says what it replaces (`originalContent`) and is of an
  answer that is done; the text of an answer that no producer ever wrote to; what says that it ended; and fields that
  no event fills (a rating, a favourite).

Messages that are not known are inserted whole. What the page does not send stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archive.chat import StoredChat, StoredMessage
from archive.shapes import Json, JsonObject
from archive.wire import message_wire

PRODUCED = ("content", "statusHistory", "sources", "files", "embeds", "code_executions", "output")
_ENDING = ("followUps", "error", "usage")  # taken when the chat has none
_DERIVED = ("id", "childrenIds", "timestamp", "role")


@dataclass(frozen=True, slots=True)
class Merge:
    """What to append; empty: nothing to do.

    fresh: whole messages that are new. texts: new texts of known ones. changed: other fields of those.
    """

    title: str | None = None
    fresh: JsonObject = field(default_factory=dict)
    texts: JsonObject = field(default_factory=dict)
    changed: JsonObject = field(default_factory=dict)
    current_id: str | None = None


def merge(chat: StoredChat, title: str | None, messages: Mapping[str, JsonObject], current_id: str | None) -> Merge:
    """What of a page's chat is news. title, current_id: None where the page says nothing."""
    fresh = {key: said(sent) for key, sent in messages.items() if key not in chat.messages}
    news = {key: _news(chat.messages[key], sent) for key, sent in messages.items() if key in chat.messages}
    changed = {key: {n: v for n, v in found.items() if n != "content"} for key, found in news.items()}
    there = current_id in chat.messages or current_id in messages
    return Merge(
        title if title and title != chat.title else None,
        dict(fresh),
        {key: found["content"] for key, found in news.items() if "content" in found},
        {key: found for key, found in changed.items() if found},
        current_id if there and current_id != chat.current_id else None,
    )


def said(sent: JsonObject) -> JsonObject:
    """A new message without empty fields that producers fill: one may just have begun to."""
    return {name: value for name, value in sent.items() if value or name not in PRODUCED}


def _news(known: StoredMessage, sent: JsonObject) -> JsonObject:
    """The fields of a known message that the page may change, and does."""
    stored = message_wire(known)
    allowed = [name for name in sent if _may_set(name, known, stored, sent)]
    return {name: sent[name] for name in allowed if sent[name] != _plain(stored.get(name))}


def _may_set(name: str, known: StoredMessage, stored: JsonObject, sent: JsonObject) -> bool:
    if name in _DERIVED:
        return False
    if name in PRODUCED:
        return known.role == "user" or (name == "content" and _may_set_text(known, stored, sent))
    if name in _ENDING:
        return not stored.get(name)
    if name == "done":
        return sent[name] is True
    return True


def _may_set_text(known: StoredMessage, stored: JsonObject, sent: JsonObject) -> bool:
    if known.done and "originalContent" in sent:
        return sent["originalContent"] == known.content
    return sent.get("done") is True and not any(stored.get(name) for name in PRODUCED)


def _plain(value: Json) -> Json:
    """As it comes out of JSON."""
    return list(value) if isinstance(value, tuple) else value
