"""uvicorn's WebSocket protocol, with a way in for finished frames: `uvicorn --ws app.wire:WebSocketProtocol`.

What a room is sent is one frame, made once; through ASGI every socket would make it again. Frames: RFC 6455, 5.2. One
without compression is legal also where permessage-deflate was agreed (RFC 7692, 6).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request

from app.engine import FRAMES
from app.frames import WINDOW_BITS
from app.sendqueue import Reader, SendQueue

DEFLATE = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True, server_max_window_bits=WINDOW_BITS
)
"""Every message is compressed by itself: once for all clients, and without memory of any of them in between."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application in `scope["extensions"]`, as an `app.sendqueue.Wire`.

    Most clients are silent most of the time. When the application has it `call_with_messages`, nothing of its ASGI call
    is needed any more: neither its task, nor the request, nor any queue.
    """

    deflates = False
    _feeder: SendQueue | None = None
    _inbox: _Inbox | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.config.ws_per_message_deflate:
            self.conn.available_extensions = [DEFLATE]
        self.writable = _Writable()  # type: ignore[assignment]  # as much of an asyncio.Event as is used

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][FRAMES] = {"wire": self}
            self.deflates = any(map(_takes_ours, self.conn.extensions))

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

    def call_with_messages(self, read: Reader) -> None:
        self._inbox = self.queue = _Inbox(self, read, self.queue)  # type: ignore[assignment]  # as much as is used
        self.close_timer = _SEEN_TO  # type: ignore[assignment]
        self.scope = self.request = self.response = None  # type: ignore[assignment]

    def has_messages(self) -> bool:
        return self._inbox is not None and not self._inbox.empty()

    def drop_messages(self) -> None:
        if self._inbox is not None:
            self._inbox.close()

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


def _takes_ours(extension: Extension) -> bool:
    return isinstance(extension, PerMessageDeflate) and extension.local_max_window_bits >= WINDOW_BITS


class _Inbox:
    """In place of the protocol's asyncio.Queue: runs a reader as long as messages wait, and is otherwise hardly there.

    Few wait at a time: the protocol stops reading from its client as long as one does.
    """

    __slots__ = ("_messages", "_protocol", "_read", "_reading")

    def __init__(self, protocol: WebSocketProtocol, read: Reader, before: asyncio.Queue[Any]) -> None:
        self._protocol = protocol
        self._read: Reader | None = read
        self._reading = False
        self._messages: list[Any] = []
        while not before.empty():
            self.put_nowait(before.get_nowait())

    def put_nowait(self, message: Any) -> None:
        if self._read is not None:
            self._messages.append(message)
            self._wake()

    def empty(self) -> bool:
        return not self._messages

    async def get(self) -> Any:
        """The next message. Raises IndexError when there is none."""
        return self._messages.pop(0)

    def close(self) -> None:
        """Drop what waits and what comes."""
        self._messages.clear()
        self._read = None

    def _wake(self) -> None:
        if self._messages and self._read is not None and not self._reading:
            self._reading = True
            task = self._protocol.loop.create_task(self._read())
            self._protocol.tasks.add(task)
            task.add_done_callback(self._rest)

    def _rest(self, task: asyncio.Task[None]) -> None:
        self._protocol.on_task_complete(task)
        self._reading = False
        if task.cancelled() or task.exception() is not None:  # the server stops, or the reader is broken
            self.close()
            self._protocol.abort()
        self._wake()


class _Writable:
    """In place of an asyncio.Event, which is ten times its size. Set, to begin with."""

    __slots__ = ("_changed", "_is_set")

    def __init__(self) -> None:
        self._is_set = True
        self._changed: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._is_set

    def clear(self) -> None:
        self._is_set = False

    def set(self) -> None:
        self._is_set = True
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None

    async def wait(self) -> None:
        while not self._is_set:
            self._changed = self._changed or asyncio.get_running_loop().create_future()
            await asyncio.wait({self._changed})


class _SeenTo:
    """Stands for a timer: uvicorn closes a WebSocket without one when its ASGI call ends."""

    def cancel(self) -> None: ...


_SEEN_TO = _SeenTo()
