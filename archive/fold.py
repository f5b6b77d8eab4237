"""The fold: entries of a room become patches, and patches apply to a snapshot. No I/O.

`apply(apply(s, fold_all(a)), fold_all(b)) == apply(s, fold_all(a + b))` for any entries a, b: the worker may cut the
log into batches of any size (tests/properties/test_fold.py).

PostgreSQL stores no NUL character, neither in text nor in jsonb: the fold reads each as U+FFFD, if whoever wrote the
entry did not. Lone surrogates are not JSON that anything else here reads, and poison the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import orjson

from archive import chat_marks
from archive.channel_events import channel_changes, mark_changes
from archive.chat import StoredChat
from archive.deltas import Deltas, is_stored
from archive.errors import FoldError
from archive.events import Effect, effect
from archive.notes import NOTE_ACCESS, NOTE_DELETE, NOTE_EVENT, note_changes, note_deletion, note_mark
from archive.patches import Changes, ChatPatch, MessagePatch, compose
from archive.shapes import BadShape, JsonObject, fields, identifier, optional_id
from archive.sharing import CHAT_GRANTS, NOTE_GRANTS, chat_grant_changes, note_grant_changes
from archive.text import storable_json
from streams.entry import Entry, Position

USER_ROOM = "user:"
CHAT_DELETE = "chat:delete"  # only the fold reads it

Handler: TypeAlias = Callable[[str, JsonObject, Position], Changes]
"""What an entry changes, from the name of the thing that the room is of, the payload and the position."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """What can be folded, and an error, with its position, for every entry that cannot."""

    changes: Changes
    poison: tuple[FoldError, ...]


def fold(changes: Changes, entry: Entry) -> Changes:
    """The changes with this entry's after them. Raises FoldError for a poison entry."""
    return compose(changes, changes_of(entry))


def fold_all(entries: Iterable[Entry]) -> Changes:
    """The changes of all entries, in order and of one room. Linear. Raises FoldError for the first poison entry."""
    sifted = sift(entries)
    if sifted.poison:
        raise sifted.poison[0]
    return sifted.changes


def sift(entries: Iterable[Entry]) -> Sifted:
    """As fold_all, but a poison entry is left out and reported instead of raised."""
    poison: list[FoldError] = []
    changes = compose(*_runs(entries, poison))
    return Sifted(changes, tuple(poison))


def _runs(entries: Iterable[Entry], poison: list[FoldError]) -> Iterator[Changes]:
    """The changes of each run of deltas, and of each other entry. Errors of poison entries are added to `poison`."""
    deltas = Deltas()
    for entry in entries:
        handler = _handler(entry)
        if handler is None:
            continue
        try:
            payload = _payload(entry)
            if handler is _chat_changes and deltas.take(payload, entry.position.ms // 1000):
                continue
            changes = _changes(handler, entry, payload)
        except FoldError as error:
            poison.append(error)
            continue
        if deltas and changes:
            yield deltas.changes()
            deltas = Deltas()
        yield changes
    yield deltas.changes()


def changes_of(entry: Entry) -> Changes:
    """What this one entry changes; `Changes()` for what the fold ignores. Raises FoldError for a poison entry."""
    handler = _handler(entry)
    return Changes() if handler is None else _changes(handler, entry, _payload(entry))


def _handler(entry: Entry) -> Handler | None:
    return _HANDLERS.get((entry.room.partition(":")[0], entry.event))


def _payload(entry: Entry) -> JsonObject:
    try:
        return fields(orjson.loads(storable_json(entry.data)), "the payload")
    except orjson.JSONDecodeError as error:
        raise FoldError(entry.position, f"not JSON: {error.msg}") from error
    except BadShape as error:
        raise FoldError(entry.position, str(error)) from error


def _changes(handler: Handler, entry: Entry, payload: JsonObject) -> Changes:
    try:
        return handler(entry.room.partition(":")[2], payload, entry.position)
    except BadShape as error:
        raise FoldError(entry.position, str(error)) from error


def _chat_changes(name: str, payload: JsonObject, position: Position) -> Changes:
    chat_id = optional_id(payload, "chat_id")
    if chat_id is None or not is_stored(chat_id):
        return Changes()
    envelope = fields(payload.get("data"), "data")
    message_id = optional_id(payload, "message_id")
    data = envelope.get("data")
    if envelope.get("type") == "chat:list" and isinstance(data, dict) and data.get("last_read_at") is not None:
        return chat_marks.mark_changes(name, chat_id, data)
    if envelope.get("type") == "chat:access":
        return chat_marks.access_changes(name, chat_id)
    patch = _patch(effect(envelope.get("type"), data), message_id, position.ms // 1000)
    return Changes() if patch is None else Changes({chat_id: patch})


def _deletion(_name: str, payload: JsonObject, position: Position) -> Changes:
    at_s = position.ms // 1000
    return Changes({identifier(payload.get("chat_id"), "chat_id"): ChatPatch(at_s, at_s, {"deleted": True})})


_HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("user", "events"): _chat_changes,
    ("user", CHAT_DELETE): _deletion,
    ("user", CHAT_GRANTS): chat_grant_changes,
    ("user", "events:channel"): mark_changes,
    ("user", NOTE_ACCESS): note_mark,
    ("channel", "events:channel"): channel_changes,
    ("note", NOTE_EVENT): note_changes,
    ("note", NOTE_DELETE): note_deletion,
    ("note", NOTE_GRANTS): note_grant_changes,
}
"""By kind of room and event."""


def apply(chat: StoredChat, changes: Changes) -> StoredChat:
    """The chat with its part of the changes. `chat.position` stays: the caller knows how far the changes go."""
    patch = changes.chats.get(chat.id)
    return chat if patch is None else chat.patched(patch)


def overlay(stored: StoredChat | None, chat_id: str, owner: str, entries: Iterable[Entry]) -> StoredChat | None:
    """The stored chat with the not yet folded tail of its owner's room on top: what the worker will store.

    stored: None when no row exists. entries: of room `user:{owner}` in order; those at or below `stored.position`,
    of other rooms and of other chats are passed over, and so is a poison entry. None if nobody knows the chat.
    A stored chat of another owner comes back as it is: the worker refuses such patches too.
    """
    if stored is not None and stored.user_id != owner:
        return stored
    base = stored or StoredChat.empty(chat_id, owner)
    room = USER_ROOM + owner
    tail = [entry for entry in entries if entry.room == room and entry.position > base.position]
    changes = sift(tail).changes
    if stored is None and chat_id not in changes.chats:
        return None
    return replace(apply(base, changes), position=tail[-1].position if tail else base.position)


def _patch(found: Effect, message_id: str | None, at_s: int) -> ChatPatch | None:
    messages = {key: MessagePatch(at_s, ops) for key, ops in found.messages.items()}
    if message_id is not None and found.message:
        messages[message_id] = MessagePatch(at_s, found.message)
    if not messages and found.chat is None:
        return None
    return ChatPatch(at_s, at_s, found.chat or {}, messages)
