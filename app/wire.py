"""uvicorn's WebSocket protocol, with a way in for finished frames: `uvicorn --ws app.wire:WebSocketProtocol`.

What a room is sent is one frame, made once; through ASGI every socket would make it again. Frames: RFC 6455, 5.2. One
without compression is legal also where permessage-deflate was agreed (RFC 7692, 6).
"""

from __future__ import annotations

import contextlib
import socket

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from app.engine import FRAMES
from app.sendqueue import SendQueue


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application in `scope["extensions"]`, as an `app.sendqueue.Wire`."""

    _feeder: SendQueue | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][FRAMES] = {"wire": self}

    def start_keepalive(self) -> None:
        """No pings of its own: Engine.IO has them, and these would take one who reads slowly for dead."""

    def set_marks(self, high_bytes: int, low_bytes: int) -> None:
        """The kernel, too, takes only this much more than is on its way: else a ping stands behind megabytes there."""
        self.transport.set_write_buffer_limits(high_bytes, low_bytes)
        link = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):  # a Unix socket, or a system that has no such mark
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, low_bytes)

    def call_with_room(self, queue: SendQueue) -> None:
        self._feeder = queue

    def write(self, frame: bytes) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame)

    def waiting(self) -> int:
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size()

    def is_full(self) -> bool:
        return not self.writable.is_set()

    async def drained(self) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ConnectionError("the socket is closed")

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._feeder is not None:
            self._feeder.flush()

    def hang_up(self) -> None:
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": ""})

    def abort(self) -> None:
        self.transport.abort()
