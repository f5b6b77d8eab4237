"""The Engine.IO server: python-engineio's, whose sockets tell when frames may be written past their send queue."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import engineio
from engineio.async_drivers.asgi import WebSocket

FRAMES = "roomlog.frames"
"""Name of the ASGI extension by which a server offers `{"wire": Wire}`."""


class Wire(Protocol):
    """A WebSocket that takes finished frames."""

    def set_marks(self, high_bytes: int, low_bytes: int) -> None:
        """It is full above `high_bytes` that wait in its write buffer, until they are `low_bytes` again."""

    def write(self, frame: bytes) -> None:
        """Send a frame. It goes out behind everything that was written before; a closing socket drops it."""

    def is_full(self) -> bool: ...

    async def drained(self) -> None:
        """Return when it is not full. Raises ConnectionError when it is closed."""


class SendQueue(asyncio.Queue[Any]):
    """A socket's send queue. size: bytes that wait in it."""

    def __init__(self) -> None:
        super().__init__()
        self.size = 0
        self._takers = 0
        self._taken: asyncio.Future[None] | None = None

    def is_idle(self) -> bool:
        """Nothing waits, and whoever sends waits for more: all that was ever put has gone to the transport."""
        return self._takers > 0 and self.empty()

    async def get(self) -> Any:
        self._takers += 1
        try:
            return await super().get()
        finally:
            self._takers -= 1

    async def taken(self, timeout_s: float) -> None:
        """Return when something is taken out, or after the timeout."""
        self._taken = self._taken or asyncio.get_running_loop().create_future()
        await asyncio.wait({self._taken}, timeout=timeout_s)

    def _put(self, item: Any) -> None:
        super()._put(item)
        self.size += _size(item)

    def _get(self) -> Any:
        item = super()._get()
        self.size -= _size(item)
        if self._taken is not None:
            self._taken.set_result(None)
            self._taken = None
        return item


def _size(packet: Any) -> int:
    data = getattr(packet, "data", None)
    return len(data) if isinstance(data, str | bytes) else 0


class Engine(engineio.AsyncServer):  # type: ignore[misc]  # python-engineio has no types
    """marks: high and low water of a socket's write buffer, in bytes. python-socketio makes this server by its class
    alone, so they are set behind that."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.marks = (256 << 10, 64 << 10)
        self._async: dict[str, Any] = {**self._async, "websocket": _Socket}

    def create_queue(self, *args: Any, **kwargs: Any) -> SendQueue:
        return SendQueue()


class _Socket(WebSocket):  # type: ignore[misc]  # python-engineio has no types
    """One WebSocket of the server. `handler` is the method of the Engine.IO socket that it becomes the transport of."""

    def __init__(self, handler: Any, server: Engine) -> None:
        super().__init__(handler, server)
        self._engine_socket = handler.__self__
        self._marks = server.marks

    async def __call__(self, environ: dict[str, Any]) -> Any:
        offered = environ["asgi.scope"].get("extensions", {}).get(FRAMES)
        if offered is not None:
            wire: Wire = offered["wire"]
            wire.set_marks(*self._marks)
            self._engine_socket.wire = wire
        return await super().__call__(environ)
