"""Where the entries of a session's feed go: its Engine.IO socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.engine import Wire
from app.packets import Framer, put
from streams.entry import Entry

WAIT_S = 1.0
"""Between looks whether a socket that reads nothing is still there."""


@dataclass(frozen=True, slots=True)
class Marks:
    """When a socket has enough: above any of these. It has room again below half of what its queue may hold.

    packets, queued_bytes: in its send queue. written_bytes: in its transport's write buffer, room again at a quarter.
    """

    packets: int
    queued_bytes: int
    written_bytes: int


class SocketSink:
    """Writes frames straight to the socket's WebSocket where nothing is before them, else to its send queue.

    The queue is for every other case: polling, a server without `app.wire`, an upgrade, packets on their way.
    """

    def __init__(self, socket: Any, framer: Framer, with_positions: bool, marks: Marks) -> None:
        self._socket = socket
        self._framer = framer
        self._with_positions = with_positions
        self._marks = marks

    def write(self, entry: Entry) -> None:
        wire = self._wire()
        if wire is not None and self._socket.queue.is_idle():
            wire.write(self._framer.frame(entry, self._with_positions))
        else:
            put(self._socket, self._framer.packets(entry, self._with_positions))

    def is_full(self) -> bool:
        queue, wire = self._socket.queue, self._wire()
        if queue.qsize() >= self._marks.packets or queue.size >= self._marks.queued_bytes:
            return True
        return wire is not None and wire.is_full()

    async def drained(self) -> None:
        queue = self._socket.queue
        while True:
            if self._socket.closed:
                raise ConnectionError("the socket is closed")
            wire = self._wire()
            if wire is not None and wire.is_full():
                await wire.drained()
            elif queue.qsize() > self._marks.packets // 2 or queue.size > self._marks.queued_bytes // 2:
                await queue.taken(WAIT_S)
            else:
                return

    def _wire(self) -> Wire | None:
        """The socket's WebSocket, once it is the transport."""
        return getattr(self._socket, "wire", None) if self._socket.upgraded else None
