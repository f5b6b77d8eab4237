"""uvicorn's WebSocket protocol, with a way in for finished frames: `uvicorn --ws app.wire:WebSocketProtocol`.

What a room is sent is one frame, made once; through ASGI every socket would make it again. Frames: RFC 6455, 5.2. One
without compression is legal also where permessage-deflate was agreed (RFC 7692, 6).
"""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from app.engine import FRAMES


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application in `scope["extensions"]`, as an `app.engine.Wire`."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][FRAMES] = {"wire": self}

    def set_marks(self, high_bytes: int, low_bytes: int) -> None:
        self.transport.set_write_buffer_limits(high_bytes, low_bytes)

    def write(self, frame: bytes) -> None:
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame)

    def is_full(self) -> bool:
        return not self.writable.is_set()

    async def drained(self) -> None:
        await self.writable.wait()
        if self.disconnected:
            raise ConnectionError("the socket is closed")
