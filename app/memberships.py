"""Making and changing channels: who is in, what they are called, and the sessions that follow.

A membership is an entry of the channel's room; the sessions of its user enter or leave the room by an order in the log
behind it. So whoever joins on its own (`user-join`) at that moment either sees the entry or is met by the order.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.channels import Channels
from app.drafts import EVENT, Actor
from app.emitter import Emitter
from app.orders import Orders
from archive.channel import CHANNEL_ROOM, StoredChannel, Webhook
from archive.channel_wire import channel_wire
from archive.shapes import Json, JsonObject
from streams.append import Appended, NewEntry, Once
from streams.errors import KeyReused

_SPACE = uuid.UUID("5a2b61f5-3e0c-4c7b-9c3e-6a4c8b0a7d11")  # of ids that follow from what they stand for


NEW_NS = 60_000_000_000
"""For so long a channel's maker may be trying again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A channel to make. kind: "channel", "group" or "dm". user_ids: its first members, besides who makes it."""

    kind: str
    name: str
    description: str = ""
    is_private: bool = False
    data: Any = None
    meta: Any = None
    user_ids: tuple[str, ...] = ()


class Memberships:
    """All calls raise the errors of `Appender.append` and of reading. One that failed half way may be made again."""

    def __init__(self, channels: Channels, emitter: Emitter, orders: Orders) -> None:
        self._channels = channels
        self._emitter = emitter
        self._orders = orders

    async def create(self, actor: Actor, plan: Plan, once: Once | None = None) -> tuple[StoredChannel, Appended | None]:
        """Make a channel; its members' sessions are in its room when this returns.

        With `once` it is made once, also when the key was forgotten meanwhile: the same key and digest name the same
        channel. Raises KeyReused when that was deleted.
        """
        if once is None:
            return await self._make(str(uuid.uuid4()), actor, plan, None)
        channel_id = str(uuid.uuid5(_SPACE, "\n".join((once.scope, once.key, once.digest))))
        return await self._found(channel_id, actor) or await self._make(channel_id, actor, plan, once)

    async def direct(self, actor: Actor, other_id: str) -> tuple[StoredChannel, Appended | None]:
        """The direct messages of two users: found, or made. Two calls at once make one channel."""
        channel_id = str(uuid.uuid5(_SPACE, "\n".join(["dm", *sorted((actor.id, other_id))])))
        once, plan = Once("dm", channel_id, digest="made"), Plan("dm", "", user_ids=(other_id,))
        return await self._found(channel_id, actor) or await self._make(channel_id, actor, plan, once)

    async def _found(self, channel_id: str, actor: Actor) -> tuple[StoredChannel, None] | None:
        """A channel that was made before. A new one's members are let in again: who made it may have failed at that."""
        found = await self._channels.get(channel_id)
        if found is None:
            return None
        if time.time_ns() - found.channel.created_at < NEW_NS:
            await self._welcome(found, actor, [user_id for _channel_id, user_id in found.members])
        return found, None

    async def _make(
        self, channel_id: str, actor: Actor, plan: Plan, once: Once | None
    ) -> tuple[StoredChannel, Appended]:
        now = time.time_ns()
        others = [user_id for user_id in dict.fromkeys(plan.user_ids) if user_id != actor.id]
        data: JsonObject = {
            "type": plan.kind,
            "name": plan.name,
            "description": plan.description,
            "user_id": actor.id,
            "is_private": plan.is_private,
            "data": plan.data,
            "meta": plan.meta,
            "created_at": now,
            "updated_at": now,
            "members": [_joining(actor.id, "owner", now), *(_joining(user_id, "member", now) for user_id in others)],
        }
        appended = await self._append(channel_id, "channel:new", data, actor, once)
        stored = await self._channels.get(channel_id)
        if stored is None:
            raise KeyReused("the channel that this key made was deleted since")
        await self._welcome(stored, actor, [user_id for _channel_id, user_id in stored.members])
        return stored, appended

    async def update(self, stored: StoredChannel, actor: Actor, put: JsonObject) -> Appended:
        """Change fields of a channel. put: by wire name."""
        return await self._append(stored.channel.id, "channel:update", {**put, "updated_at": time.time_ns()}, actor)

    async def delete(self, stored: StoredChannel, actor: Actor) -> Appended:
        """Delete a channel; when it returns, nobody is in its room."""
        appended = await self._append(stored.channel.id, "channel:delete", {}, actor)
        await self._orders.close_room(CHANNEL_ROOM + stored.channel.id)  # also to who was added since `stored` was read
        return appended

    async def add(self, stored: StoredChannel, actor: Actor, user_ids: Sequence[str]) -> Appended | None:
        """Add members; when it returns, all their sessions on every node are in the room."""
        now = time.time_ns()
        fresh = [user_id for user_id in dict.fromkeys(user_ids) if stored.member(user_id) is None]
        members: list[Json] = [_joining(user_id, "member", now) for user_id in fresh]
        appended = None
        if members:
            appended = await self._append(stored.channel.id, "channel:members:add", {"members": members}, actor)
        await self._welcome(stored, actor, user_ids)
        return appended

    async def remove(self, stored: StoredChannel, actor: Actor, user_ids: Sequence[str]) -> Appended:
        """Remove members; when it returns, no session of theirs is in the room, and none comes back into it."""
        data: JsonObject = {"user_ids": list(dict.fromkeys(user_ids))}
        appended = await self._append(stored.channel.id, "channel:members:remove", data, actor)
        await self._orders.leave_room(CHANNEL_ROOM + stored.channel.id, user_ids)
        return appended

    async def add_webhook(self, stored: StoredChannel, actor: Actor, name: str) -> tuple[Webhook, Appended]:
        """Make a way in for programs. Its id names its channel, so that it works at once on every node."""
        channel_id = stored.channel.id
        webhook_id = f"{channel_id}.{secrets.token_hex(8)}"
        webhook = Webhook(channel_id, webhook_id, actor.id, name, secrets.token_urlsafe(24), time.time_ns())
        data: JsonObject = {
            "id": webhook.id,
            "user_id": webhook.user_id,
            "name": webhook.name,
            "token": webhook.token,
            "created_at": webhook.created_at,
        }
        return webhook, await self._append(stored.channel.id, "channel:webhook:add", data, actor)

    async def remove_webhook(self, stored: StoredChannel, actor: Actor, webhook_id: str) -> Appended:
        """Close a way in; from now on its token is refused on every node."""
        return await self._append(stored.channel.id, "channel:webhook:remove", {"id": webhook_id}, actor)

    async def mute(self, channel_id: str, user_id: str, muted: bool) -> Appended:
        """Note in the user's own room that it does, or does not, want to be bothered; its sessions are told."""
        return await self._mark(channel_id, user_id, "channel:mute", {"is_channel_muted": muted})

    async def read(self, channel_id: str, user_id: str) -> Appended:
        """Note in the user's own room that it has read the channel up to now."""
        return await self._mark(channel_id, user_id, "last_read_at", {"last_read_at": time.time_ns()}, quiet=True)

    async def _mark(self, channel_id: str, user_id: str, kind: str, data: JsonObject, quiet: bool = False) -> Appended:
        payload = {"channel_id": channel_id, "data": {"type": kind, "data": data}}
        return await self._emitter.append(NewEntry(f"user:{user_id}", EVENT, orjson.dumps(payload), quiet=quiet))

    async def _welcome(self, stored: StoredChannel, actor: Actor, user_ids: Sequence[str]) -> None:
        """Tell users in their own rooms of the channel (so it is in their lists), and let their sessions in."""
        wire = channel_wire(stored.channel)
        body = orjson.dumps(
            {
                "channel_id": stored.channel.id,
                "data": {"type": "channel:created", "data": wire},
                "user": actor.wire,
                "channel": wire,
            }
        )
        await asyncio.gather(*(self._emitter.append(NewEntry(f"user:{u}", EVENT, body)) for u in user_ids))
        await self._orders.enter_room(CHANNEL_ROOM + stored.channel.id, user_ids)

    async def _append(
        self, channel_id: str, kind: str, data: JsonObject, actor: Actor, once: Once | None = None
    ) -> Appended:
        """Append an entry that only the fold reads."""
        payload = {"channel_id": channel_id, "data": {"type": kind, "data": data}, "user": actor.wire}
        entry = NewEntry(CHANNEL_ROOM + channel_id, EVENT, orjson.dumps(payload), quiet=True, once=once)
        return await self._emitter.append(entry)


def _joining(user_id: str, role: str, at_ns: int) -> Json:
    return {"user_id": user_id, "role": role, "joined_at": at_ns}
