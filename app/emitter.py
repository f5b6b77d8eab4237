"""Emitting: what producers call, over HTTP or from Python. Durable events are appended, ephemeral ones signalled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from app import metrics
from archive.envelope import message_entry
from streams.append import Appended, Appender, Fence, NewEntry, Once
from streams.bus import Bus, Signal
from streams.errors import LogError
from telemetry.words import snake

EPHEMERAL_TYPES = frozenset({"typing", "chat:presence"})
"""`events` types that are worth nothing a moment later: never in the log."""

CALL_TYPES = frozenset({"confirmation", "input", "execute", "voice:play_animation"})
CALL_FAMILIES = ("execute:", "request:", "terminal:")
"""`events` types, and what others begin with (pages learn new ones), that want an answer: never in the log, and never
with a position, which a page would call."""

_APPENDED = metrics.APPENDS.labels("appended")
_REPEATED = metrics.APPENDS.labels("repeated")
"""Asked for once: finding a counter by its label costs four times as much as counting."""


def wants_answer(kind: str) -> bool:
    return kind in CALL_TYPES or kind.startswith(CALL_FAMILIES)


@dataclass(frozen=True, slots=True)
class Target:
    """Whose message an event belongs to."""

    user_id: str
    chat_id: str
    message_id: str | None


class Emitter:
    """Puts events on their way. Everything raises the errors of `Appender.append`."""

    def __init__(self, appender: Appender, bus: Bus) -> None:
        self._appender = appender
        self._bus = bus

    async def emit(
        self, target: Target, kind: str, data: Any, once: Once | None = None, fence: Fence | None = None
    ) -> Appended | None:
        """Emit an `events` event of a message: to its owner's sessions, and a copy to the chat's other viewers.

        Returns where it is in the log; None for an ephemeral type, which has no place there.
        """
        entry = message_entry(target.user_id, target.chat_id, target.message_id, kind, data, once=once, fence=fence)
        if kind in EPHEMERAL_TYPES or wants_answer(kind):
            await self._bus.publish(Signal(entry.room, entry.event, entry.data, entry.skip))
            copy = entry.copy
            if copy is not None and kind in EPHEMERAL_TYPES:  # a question is for the owner's own pages
                await self._bus.publish(Signal(copy.room, entry.event, copy.data(entry.data), copy.skip))
            return None
        return await self.append(entry)

    async def publish(self, room: str, event: str, data: Any, durable: bool, once: Once | None) -> Appended | None:
        """Emit any event to a room; returns where it is in the log, None when it is not durable."""
        body = orjson.dumps(data)
        if durable:
            return await self.append(NewEntry(room, event, body, once=once))
        await self._bus.publish(Signal(room, event, body))
        return None

    async def append(self, entry: NewEntry) -> Appended:
        """Append an entry, counted."""
        try:
            appended = await self._appender.append(entry)
        except LogError as fault:
            metrics.APPENDS.labels(snake(type(fault).__name__)).inc()
            raise
        (_REPEATED if appended.repeated else _APPENDED).inc()
        return appended
