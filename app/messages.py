"""Writing messages of channels: each write is one entry of the channel's room.

The entry shows clients the whole message as it is after the write. Two writes to one message at once are both kept
(the fold stores what each changed), but the one that came second in the log may show a message without the first.
So every writer looks what came between its reading and its entry, and, if that changed the message, shows it again:
the last entry of a message in the log always shows all of it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any
from weakref import WeakValueDictionary

import orjson

from app.channels import Channels
from app.drafts import EVENT, Actor, Change, Draft, NoMessage, NotYours, Written
from app.emitter import Emitter
from app.payloads import BadPayload
from archive.channel import CHANNEL_ROOM, StoredChannel
from archive.channel_events import channel_changes
from archive.channel_view import MessageView, Select
from archive.channel_wire import channel_wire
from archive.shapes import BadShape, JsonObject
from streams.append import Appended, NewEntry, Once
from streams.entry import Entry, Position
from streams.errors import KeyReused
from streams.replay import Gap, Reader

SHOWN_AGAIN = 20
"""How often a writer shows a message again at most; after that many collisions others are about to show it."""


class Messages:
    """All writes raise the errors of `Appender.append` and of reading, NoMessage, NotYours and BadPayload."""

    def __init__(self, channels: Channels, emitter: Emitter, reader: Reader) -> None:
        self._channels = channels
        self._emitter = emitter
        self._reader = reader
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def post(self, stored: StoredChannel, actor: Actor, draft: Draft, once: Once | None = None) -> Written:
        """Post a message; the thread's parent is shown with its new count of replies. With `once` it is posted once."""
        channel_id = stored.channel.id
        message_id = str(uuid.uuid4())
        view = await self._around(channel_id, draft, message_id)
        now = time.time_ns()
        data: JsonObject = {
            "id": message_id,
            "channel_id": channel_id,
            "user_id": draft.user_id,
            "parent_id": draft.parent_id,
            "reply_to_id": draft.reply_to_id,
            "content": draft.content,
            "data": draft.data,
            "meta": draft.meta,
            "created_at": now,
            "updated_at": now,
        }
        payload = _payload(stored, message_id, "message", data, actor)
        shown = _shown(view, payload, message_id)
        payload["data"]["data"] = shown | ({"temp_id": draft.temp_id} if draft.temp_id else {})
        appended = await self._append(channel_id, payload, once)
        if appended.repeated:
            shown = await self._posted(channel_id, appended.position)
        if draft.parent_id is not None:
            await self._show(stored, draft.parent_id, "message:reply", actor)
        return Written(shown, appended)

    async def change(self, stored: StoredChannel, message_id: str, actor: Actor, change: Change) -> Written:
        """Change or delete a message, or a reaction to it."""
        channel_id = stored.channel.id
        async with self._turn(channel_id, message_id):
            view = await self._channels.view(Select(channel_id, frozenset({message_id})))
            message = view.message(message_id)
            if message is None:
                raise NoMessage
            if not change.may(message):
                raise NotYours
            data = {**view.wire(message), **change.data}
            payload = _payload(stored, message_id, change.kind, data, actor, change.patch)
            shown = _shown(view, payload, message_id)
            payload["data"]["data"] = shown | change.data
            appended = await self._append(channel_id, payload)
            await self._settle(stored, message_id, actor, view.position, appended)
        if change.kind == "message:delete" and message.parent_id is not None:
            await self._show(stored, message.parent_id, "message:reply", actor)
        return Written(shown, appended)

    async def read(self, channel_id: str, message_id: str) -> JsonObject:
        """One message, as clients see it. Raises NoMessage."""
        view = await self._channels.view(Select(channel_id, frozenset({message_id})))
        message = view.message(message_id)
        if message is None:
            raise NoMessage
        return view.wire(message)

    async def _posted(self, channel_id: str, position: Position) -> JsonObject:
        """The message, as it is now, that an earlier try posted. Raises KeyReused when the log has it no more."""
        entry = await self._reader.entry(CHANNEL_ROOM + channel_id, position)
        if entry is None:
            raise KeyReused("the idempotency key was used for a message that the log no longer holds")
        return await self.read(channel_id, orjson.loads(entry.data)["message_id"])

    async def _around(self, channel_id: str, draft: Draft, message_id: str) -> MessageView:
        """What a new message refers to: its thread's parent, and what it quotes. Raises NoMessage."""
        named = [name for name in (draft.parent_id, draft.reply_to_id) if name is not None]
        select = Select(channel_id, frozenset({*named, message_id}))
        if not named:
            return MessageView(select)
        view = await self._channels.view(select)
        if any(view.message(name) is None for name in named):
            raise NoMessage
        parent = view.message(draft.parent_id) if draft.parent_id is not None else None
        if parent is not None and parent.parent_id is not None:
            raise BadPayload("parent_id: a thread's message has no thread of its own")
        return view

    async def _show(self, stored: StoredChannel, message_id: str, kind: str, actor: Actor) -> None:
        """Show a message as it is now, if it is still there; the fold has nothing to do."""
        channel_id = stored.channel.id
        async with self._turn(channel_id, message_id):
            view = await self._channels.view(Select(channel_id, frozenset({message_id})))
            message = view.message(message_id)
            if message is not None:
                payload = _payload(stored, message_id, kind, view.wire(message), actor, {})
                appended = await self._append(channel_id, payload)
                await self._settle(stored, message_id, actor, view.position, appended)

    async def _settle(
        self, stored: StoredChannel, message_id: str, actor: Actor, since: Position, appended: Appended
    ) -> None:
        """Show the message again, until nothing that changed it stands between what was read and what was shown."""
        channel_id = stored.channel.id
        for _ in range(SHOWN_AGAIN):
            tail = await self._reader.tail_of(CHANNEL_ROOM + channel_id, since)
            entries = [] if isinstance(tail, Gap) else tail[1]
            if not any(e.position < appended.position and _concerns(e, message_id) for e in entries):
                return
            view = await self._channels.view(Select(channel_id, frozenset({message_id})))
            message = view.message(message_id)
            if message is None:
                return
            payload = _payload(stored, message_id, "message:update", view.wire(message), actor, {})
            since, appended = view.position, await self._append(channel_id, payload)

    async def _append(self, channel_id: str, payload: JsonObject, once: Once | None = None) -> Appended:
        return await self._emitter.append(NewEntry(CHANNEL_ROOM + channel_id, EVENT, orjson.dumps(payload), once=once))

    def _turn(self, channel_id: str, message_id: str) -> asyncio.Lock:
        """One writer of this node at a time, a message: fewer collisions to settle."""
        return self._turns.setdefault((channel_id, message_id), asyncio.Lock())


def _payload(
    stored: StoredChannel,
    message_id: str,
    kind: str,
    data: JsonObject,
    actor: Actor,
    patch: JsonObject | None = None,
) -> dict[str, Any]:
    """The payload of an `events:channel` event. `patch` stands beside the data, for the fold."""
    envelope: JsonObject = {"type": kind, "data": data}
    if patch is not None:
        envelope["patch"] = patch
    return {
        "channel_id": stored.channel.id,
        "message_id": message_id,
        "data": envelope,
        "user": actor.wire,
        "channel": channel_wire(stored.channel),
    }


def _shown(view: MessageView, payload: dict[str, Any], message_id: str) -> JsonObject:
    """The message after this entry; as it was, when the entry deletes it. Raises BadPayload."""
    try:
        rows = channel_changes(view.select.channel_id, payload, view.position).rows
    except BadShape as fault:
        raise BadPayload(str(fault)) from fault
    after = view.patched(rows, view.position)
    found = after.message(message_id)
    if found is not None:
        return after.wire(found)
    before = view.message(message_id)
    return view.wire(before) if before is not None else {}


def _concerns(entry: Entry, message_id: str) -> bool:
    """Whether the entry changed what is shown of a message: itself, its reactions, or its thread."""
    try:
        payload = orjson.loads(entry.data)
        envelope = payload["data"]
        data = envelope.get("data") or {}
        changed = envelope.get("patch") != {}
        return changed and message_id in (payload.get("message_id"), data.get("id"), data.get("parent_id"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
