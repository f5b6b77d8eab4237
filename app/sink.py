"""Where the entries of a session's feed go: its Engine.IO socket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.packets import Framer, put
from app.sendqueue import SendQueue
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
    """Writes finished frames straight to the socket's WebSocket where nothing is before them and it has room for them.

    All else takes the send queue: polling, a server without `app.wire`, an upgrade, a socket that is full.
    """

    __slots__ = ("_framer", "_marks", "_queue", "_socket", "_with_positions")

    def __init__(self, socket: Any, framer: Framer, with_positions: bool, marks: Marks) -> None:
        self._socket = socket
        self._queue: SendQueue = socket.queue
        self._framer = framer
        self._with_positions = with_positions
        self._marks = marks

    def write(self, entry: Entry) -> None:
        queue, framer = self._queue, self._framer
        if queue.takes_frames():
            frame = framer.deflated if queue.wire is not None and queue.wire.deflates else framer.frame
            queue.write(frame(entry, self._with_positions))
        else:
            put(self._socket, self._framer.packets(entry, self._with_positions))

    def is_full(self) -> bool:
        queue, marks = self._queue, self._marks
        if queue.qsize() >= marks.packets or queue.size >= marks.queued_bytes:
            return True
        return queue.wire is not None and queue.wire.is_full()

    async def drained(self) -> None:
        queue, marks = self._queue, self._marks
        while True:
            if self._socket.closed:
                raise ConnectionError("the socket is closed")
            if queue.wire is not None and queue.wire.is_full():
                await queue.wire.drained()
            elif queue.qsize() > marks.packets // 2 or queue.size > marks.queued_bytes // 2:
                await queue.changed(WAIT_S)
            else:
                return

    @property
    def waiting(self) -> tuple[int, int]:
        """Bytes in the send queue, and in the WebSocket's write buffer."""
        wire = self._queue.wire
        return self._queue.size, wire.waiting() if wire is not None else 0
