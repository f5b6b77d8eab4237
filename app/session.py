"""A session: one connected Socket.IO client of this node."""

from __future__ import annotations

import asyncio
from typing import Any

from app.auth import Identity
from app.feed import NO_ROOMS, Feed
from app.packets import Framer, put, question_packet
from app.sink import Marks, SocketSink
from registry.pool import Pooled
from registry.present import Present
from registry.sessions import Replay
from streams.entry import Position

ASKED = 100
"""Calls of which a session remembers that it was asked, so that a repeated question is not asked twice."""


class Session:
    """One connected client.

    sid: its public id. pid: its private id, by which it can come back; "" when it opted out of resume.
    connection: `node/engine sid`, what the session record names as its holder.
    viewed: chats of other users that it is in: copies of their events are appended for it.
    pooled, present, editor: how other nodes see it. They have the name that it connected with; editor is for documents.
    welcomed: its CONNECT packet is on its way. Before that it is sent nothing, and does not go live.
    rejoined: rooms that its client joins anew by itself after every connect: they are not in its record, not resumed.
    returned: its client had a session before that could not be resumed.
    ordered: rooms that an order concerned before it was welcomed.
    lock: held while the session's rooms change, so that record and membership change together.
    feeding: what brings it to the tail, while that goes on.
    """

    __slots__ = (
        "__weakref__",  # documents keep what a session has open for as long as it lives
        "_asked",
        "_framer",
        "_sink",
        "connection",
        "editor",
        "feed",
        "feeding",
        "identity",
        "lock",
        "ordered",
        "pid",
        "pooled",
        "present",
        "rejoined",
        "replays",
        "returned",
        "sid",
        "socket",
        "viewed",
        "welcomed",
    )

    def __init__(
        self,
        sid: str,
        pid: str,
        identity: Identity,
        node: str,
        socket: Any,
        framer: Framer,
        cut: Position,
        marks: Marks,
    ) -> None:
        self.sid = sid
        self.pid = pid
        self.identity = identity
        self.socket = socket
        self._framer = framer
        self.connection = f"{node}/{socket.sid}"
        self.pooled = Pooled(sid, identity.user_id, self.connection)
        self.present = Present(self.connection, identity.user_id, identity.name)
        self.editor = Present(self.connection, identity.user_id, identity.name, sid)
        self._sink = SocketSink(socket, framer, bool(pid), marks)
        self.feed = Feed(self._sink, sid, cut, f"user:{identity.user_id}")
        self.viewed: frozenset[str] = NO_ROOMS
        self.rejoined: frozenset[str] = NO_ROOMS
        self.welcomed = False
        self.returned = False
        self.ordered: frozenset[str] = NO_ROOMS
        self._asked: tuple[int, ...] = ()
        self.lock = asyncio.Lock()
        self.replays: tuple[Replay, ...] = ()
        self.feeding: asyncio.Task[None] | None = None

    @property
    def user_id(self) -> str:
        return self.identity.user_id

    @property
    def waiting(self) -> tuple[int, int]:
        """Bytes for this client in its send queue, and in its WebSocket's write buffer."""
        return self._sink.waiting

    def note_order(self, room: str) -> None:
        """An order concerned the session and a room: while it is let in, the order decides."""
        if not self.welcomed:
            self.ordered |= {room}

    def send(self, event: str, data: bytes, binary: bytes = b"") -> None:
        """Send an ephemeral event to this client: no position, never replayed. Dropped when it reads too slowly."""
        if not self.feed.sink.is_full():
            self.send_whole(event, data, binary)

    def send_whole(self, event: str, data: bytes, binary: bytes = b"") -> None:
        """Send an ephemeral event however much waits for this client already: the caller bounds how often."""
        if self.welcomed and not self.socket.closed:
            put(self.socket, self._framer.event(event, data, binary))

    def ask(self, number: int, data: bytes) -> bool:
        """Put an event call to this client, once. False when it cannot take it now: it has to be tried again."""
        if number not in self._asked:
            if not self.welcomed or self.socket.closed or self.feed.sink.is_full():
                return False
            self._asked = (*self._asked, number)[-ASKED:]
            self.socket.queue.put_nowait(question_packet("events", data, number))
        return True
