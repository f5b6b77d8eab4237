"""The client manager: python-socketio's own API, made durable.

`sio.emit(event, data, room="user:…")` appends to the room's log; `sio.enter_room` and `leave_room` change membership on
whichever node the session is; everything else about rooms comes from the hub.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
import socketio

from streams.append import NewEntry
from streams.bus import Signal

if TYPE_CHECKING:
    from app.asked import Asked
    from app.emitter import Emitter
    from app.orders import Orders
    from app.sessions import NodeSessions
    from streams.bus import Bus

ROOM_KINDS = ("user:", "channel:", "chat:", "note:", "doc_note:")


class Manager(socketio.AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """Give it to a Socket.IO server as `client_manager=`; `wire` connects it to the node's parts."""

    def wire(self, sessions: NodeSessions, emitter: Emitter, bus: Bus, orders: Orders, asked: Asked) -> None:
        self._sessions = sessions
        self._emitter = emitter
        self._bus = bus
        self._orders = orders
        self._asked = asked

    def admit(self, sid: str, eio_sid: str) -> None:
        """Register a connected session under the id that it was given."""
        self.basic_enter_room(sid, "/", None, eio_sid=eio_sid)
        self.basic_enter_room(sid, "/", sid, eio_sid=eio_sid)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: str | None = None,
        skip_sid: str | None = None,
        callback: Callable[..., Any] | None = None,
        to: str | None = None,
        **options: Any,
    ) -> None:
        """Append to a room's log, or signal a session. An emit that wants an acknowledgement goes to local sockets.

        Raises the errors of `Appender.append`, and TypeError for data that JSON cannot have.
        """
        target = to or room
        if callback is not None or target is None:
            await super().emit(event, data, namespace, target, skip_sid, callback, **options)
        elif target.startswith(ROOM_KINDS):
            await self._emitter.append(NewEntry(target, event, orjson.dumps(data), skip=skip_sid or ""))
        else:
            await self._bus.publish(Signal(target, event, orjson.dumps(data), skip_sid or ""))

    async def enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        """Put a session into a room, on whichever node it is. The caller vouches that it may be there."""
        await self._orders.move_session(sid, room, into=True)

    async def leave_room(self, sid: str, namespace: str, room: str) -> None:
        """Take a session out of a room, on whichever node it is."""
        await self._orders.move_session(sid, room, into=False)

    async def disconnect_session(self, sid: str) -> None:
        """Disconnect a session for good, on whichever node it is. Raises LogUnavailable."""
        await self._orders.disconnect_session(sid)

    async def trigger_callback(self, sid: str, id: int, data: list[Any]) -> None:  # noqa: A002
        """A client acknowledged something: an event call of any node, or a callback of this one."""
        if not await self._asked.answer(sid, id, data):
            await super().trigger_callback(sid, id, data)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """The rooms of a session of this node."""
        session = self._sessions.by_sid.get(sid)
        return [sid, *session.feed.rooms] if session is not None else []
