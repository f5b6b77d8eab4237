"""Lines of direct completions as browsers send them: appended to the room that somebody follows."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import orjson

from app.payloads import BadPayload
from app.session import Session
from registry.directs import fence_of
from streams.append import Appender, NewEntry
from streams.errors import EntryTooLarge, Fenced, LogUnavailable, RoomFull
from streams.keys import direct_room

LINE_BYTES = 1 << 20
STREAM_BYTES = 64 << 20
"""What one completion may be; above either it ends with an error."""

STREAMS = 1000
"""Completions that one node counts at a time; an older one starts from zero, those that are broken last."""


@dataclass(slots=True)
class _Stream:
    """bytes: what came so far. broken: a line is missing, so nothing comes after it but that, for the reader."""

    bytes: int = 0
    broken: bool = False


class DirectLines:
    """Takes what sessions of this node send on `{user_id}:{session_id}:{request_id}`."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender
        self._streams: OrderedDict[tuple[str, str], _Stream] = OrderedDict()

    def is_direct(self, session: Session, event: str) -> bool:
        """Whether an event is a line of a completion of this very session: nobody can write another's."""
        own, _, request = event.rpartition(":")
        return own == f"{session.user_id}:{session.sid}" and bool(request) and len(event) <= 512

    async def take(self, session: Session, channel: str, payload: Any) -> bool:
        """Append a line, or `{done: true}`. False when nobody waits for it, or it cannot be taken.

        Raises BadPayload, LogUnavailable.
        """
        done = isinstance(payload, dict) and payload.get("done") is True
        if not done and not isinstance(payload, str):
            raise BadPayload("a line of text, or {done: true}")
        name = (session.sid, channel)
        stream = self._streams.setdefault(name, _Stream())
        if len(self._streams) > STREAMS:
            self._forget_one(name)
        if done:
            self._streams.pop(name, None)
        if stream.broken:
            return await self._break_off(session, channel, "Lines of the completion were lost on their way.")
        if done:
            return await self._append(session, channel, {"done": True})
        size = len(payload)
        stream.bytes += size
        if size > LINE_BYTES or stream.bytes > STREAM_BYTES:
            stream.broken = True
            return await self._break_off(session, channel, "The completion is too large.")
        try:
            return await self._append(session, channel, payload)
        except BaseException:
            stream.broken = True
            raise

    def _forget_one(self, but: tuple[str, str]) -> None:
        """The oldest of which no line is missing: what is broken must not go on as if it was whole."""
        whole = (name for name, stream in self._streams.items() if not stream.broken and name != but)
        del self._streams[next(whole, next(iter(self._streams)))]

    async def _break_off(self, session: Session, channel: str, error: str) -> bool:
        """End a completion of which a line is missing; said again with every further line, in case the log is away."""
        await self._append(session, channel, {"done": True, "error": error})
        return False

    async def _append(self, session: Session, channel: str, payload: Any) -> bool:
        data = orjson.dumps([session.connection, payload])
        try:
            await self._appender.append(NewEntry(direct_room(channel), "line", data, fence=fence_of(channel)))
        except Fenced:
            return False
        except (RoomFull, EntryTooLarge) as fault:
            raise LogUnavailable(str(fault)) from fault
        return True
