"""What producers of events call from Python: on a node as `node.producer`, anywhere else through `producer(url)`.

emit = await node.producer.get_event_emitter({"user_id": u, "chat_id": c, "message_id": m})
position = await emit({"type": "message", "data": {"content": "Hello"}})

ask = await node.producer.get_event_call({"user_id": u, "session_id": s, "chat_id": c, "message_id": m})
yes = await ask({"type": "confirmation", "data": {"title": "Sure?", "message": "It will be gone."}})
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from app.calls import ANSWERED, Calls
from app.emitter import Emitter, Target
from app.orders import Orders
from app.own_session import check_own_session
from app.question import Patience, Question
from registry.calls import CallRecords
from registry.moves import Moves
from registry.nodes import Nodes
from registry.pool import Pool
from registry.present import Presence
from streams.append import Appender, NewEntry
from streams.bus import Bus, Signal
from streams.ending import end
from streams.keys import Keys
from streams.link import Link
from streams.replay import Reader

EmitEvent = Callable[[Mapping[str, Any]], Awaitable[str | None]]
CallEvent = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Producer:
    """True over all nodes. Everything raises LogUnavailable when Redis does not answer in time."""

    def __init__(self, emitter: Emitter, calls: Calls, orders: Orders, pool: Pool, presence: Presence) -> None:
        self._emitter = emitter
        self._calls = calls
        self._orders = orders
        self._pool = pool
        self._presence = presence

    async def get_event_emitter(self, request_info: Mapping[str, Any]) -> EmitEvent:
        """An emitter for one message: request_info has `user_id`, `chat_id`, `message_id`, and may have `session_id`.

        The emitter takes `{type, data}` and returns the event's position when the log has it, None for an ephemeral
        type. Events of one task are in the log in the order in which they were emitted. Raises the errors of
        `Appender.append`. Raises KeyError here when something is missing, NotYourSession when the session is another
        user's.

        No session gets an event twice: those of `user_id`, the asking one among them, get no viewer's copy.
        """
        await check_own_session(self._pool, request_info["user_id"], request_info.get("session_id"))
        target = Target(request_info["user_id"], request_info["chat_id"], request_info["message_id"])

        async def emit(event: Mapping[str, Any]) -> str | None:
            appended = await self._emitter.emit(target, event["type"], event.get("data"))
            return appended.place if appended is not None else None

        return emit

    async def get_event_call(self, request_info: Mapping[str, Any]) -> CallEvent:
        """A caller of one page: request_info has `user_id`, `session_id`, `chat_id`, `message_id`.

        The caller takes `{type, data}` and returns the page's answer, or `{error}`: see `Calls.call`.
        """
        user_id, sid = request_info["user_id"], request_info["session_id"]
        chat_id, message_id = request_info["chat_id"], request_info.get("message_id")

        async def call(event: Mapping[str, Any]) -> Any:
            question = Question(user_id, sid, chat_id, message_id, event["type"], event.get("data"))
            return await self._calls.call(question)

        return call

    async def emit_to_users(self, event: str, data: Any, user_ids: Iterable[str]) -> dict[str, str]:
        """Append an event to each user's room; returns its position per user. Raises as `Appender.append`."""
        body, users = orjson.dumps(data), list(dict.fromkeys(user_ids))
        appended = await asyncio.gather(
            *(self._emitter.append(NewEntry(f"user:{user_id}", event, body)) for user_id in users)
        )
        return {user_id: one.place for user_id, one in zip(users, appended, strict=True)}

    async def enter_room_for_users(self, room: str, user_ids: Iterable[str]) -> None:
        """Put all sessions of the users into a room, on every node, before it returns.

        The caller vouches that they may be there. Those that are away find themselves in it when they come back, if
        they may read it then.
        """
        await self._orders.enter_room(room, user_ids)

    async def leave_room_for_users(self, room: str, user_ids: Iterable[str]) -> None:
        """Take all sessions of the users out of a room: when it returns no node delivers it to them any more."""
        await self._orders.leave_room(room, user_ids)

    async def disconnect_user_sessions(self, user_id: str) -> None:
        """Disconnect all sessions of a user for good, on every node, before it returns."""
        await self._orders.disconnect_user(user_id)

    async def get_user_ids_from_room(self, room: str) -> list[str]:
        """The users that have a connected session in the room, sorted. Those of a node that died are in it for up to
        PRESENCE_TTL_S more."""
        kind, _, user_id = room.partition(":")
        if kind == "user":
            return [user_id] if await self._pool.is_connected(user_id) else []
        return sorted(await self._presence.users(room))


MOVES_TTL_S = 3600
"""How long sessions that are away may find what was ordered of them: longer than any node's SESSION_TTL_S is likely
to be."""


@asynccontextmanager
async def producer(
    redis_url: str,
    key_prefix: str = "rl",
    *,
    call_timeout_s: float = 60.0,
    append_pause_ms: float = 2.0,
    sentinels: tuple[tuple[str, int], ...] = (),
) -> AsyncIterator[Producer]:
    """A producer for a process that is no node: a script or a job. What it emitted is in the log when it ends.

    append_pause_ms: how long emits wait for company while many come at a time, as APPEND_PAUSE_MS of a node; 0: never.
    sentinels: (host, port) of each; the URL's host is what they call the primary.
    """
    link = Link(redis_url, Keys(key_prefix), sentinels)
    client = link.client(connections=8)
    appender = Appender(link, room_cap=100_000, log_length=100_000, pause_s=append_pause_ms / 1000)
    pool = Pool(link.keys, client, ttl_s=30)

    def deliver(signal: Signal) -> None:
        if signal.room == ANSWERED:
            calls.answered(signal)

    bus = Bus(link, client, deliver)
    calls = Calls(CallRecords(link.keys, client), pool, bus, Patience(call_timeout_s))
    moves = Moves(link.keys, client, MOVES_TTL_S)
    nodes = Nodes(link.keys, client)
    orders = Orders(appender, Reader(link, client), nodes, moves, _has_no_sessions, _has_no_sessions)
    running = [asyncio.create_task(appender.run()), asyncio.create_task(bus.run())]
    try:
        yield Producer(Emitter(appender, bus), calls, orders, pool, Presence(link.keys, client, ttl_s=30))
        await appender.drain()
    finally:
        await end(running)
        await link.aclose()


def _has_no_sessions(_: Any) -> None:
    raise AssertionError("a producer obeys no orders: it has no sessions")
