"""What waits for one client: packets on their way to its WebSocket, to polls, or to whatever sends for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from app.frames import frame_of

Reader = Callable[[], Coroutine[Any, Any, None]]


class Wire(Protocol):
    """A WebSocket that takes finished frames. deflates: also those that `deflated_text_frame` makes."""

    deflates: bool

    def set_marks(self, high_bytes: int, low_bytes: int) -> None:
        """It is full above `high_bytes` that wait in its write buffer, until they are `low_bytes` again."""

    def call_with_room(self, queue: SendQueue) -> None:
        """Call the queue's `flush` each time when it is full no longer."""

    def call_with_messages(self, read: Reader) -> None:
        """From now on run this whenever messages of the client wait, its end among them, and not twice at a time.

        It takes them by ASGI's `receive`. The ASGI call may return: the WebSocket stays open.
        """

    def has_messages(self) -> bool:
        """Whether messages wait."""

    def drop_messages(self) -> None:
        """Nobody wants them any more."""

    def write(self, frame: bytes) -> None:
        """Send a frame. It goes out behind everything that was written before; a closing socket drops it."""

    def waiting(self) -> int:
        """Bytes that were written and are not with the kernel yet."""

    def is_full(self) -> bool: ...

    async def drained(self) -> None:
        """Return when it is not full. Raises ConnectionError when it is closed."""

    def hang_up(self) -> None:
        """Have whoever reads from it find it at its end."""

    def abort(self) -> None:
        """Close it at once, without what waits: its client reads nothing any more."""


class SendQueue:
    """The send queue of an Engine.IO socket: an asyncio.Queue as far as python-engineio uses one, and much smaller.

    With a wire attached it is one way in with one order: what is put goes to the wire in the same call if nothing
    waits before it and the wire has room, otherwise as soon as that is so. Without, somebody gets it.

    size: bytes that wait here. total: bytes that were ever put.
    """

    __slots__ = ("_changed", "_items", "size", "total", "wire")

    def __init__(self) -> None:
        self._items: list[Any] = []  # most are empty: a deque is 14 times as large, and few packets ever wait
        self._changed: asyncio.Future[None] | None = None
        self.wire: Wire | None = None
        self.size = 0
        self.total = 0

    def attach(self, wire: Wire) -> None:
        """From now on everything goes to this wire; first what waits here."""
        self.wire = wire
        wire.call_with_room(self)
        self.flush()

    def flush(self) -> None:
        """Hand to the wire what it has room for."""
        while self.wire is not None and self._items and not self.wire.is_full():
            packet = self._take()
            self.total -= _size(packet)
            self._send(self.wire, packet)

    def takes_frames(self) -> bool:
        """Whether a frame may be written past it: everything that was put before is with the wire, which has room."""
        return self.wire is not None and not self._items and not self.wire.is_full()

    def write(self, frame: bytes) -> None:
        """Send a finished frame, if it `takes_frames`."""
        assert self.wire is not None
        self.total += len(frame)
        self.wire.write(frame)

    def gone(self) -> int:
        """Bytes of `total` that the kernel has, or that somebody got."""
        return self.total - self.size - (self.wire.waiting() if self.wire is not None else 0)

    def put_nowait(self, packet: Any) -> None:
        """Take a packet; None hangs up behind everything that was put before."""
        if self.takes_frames():
            assert self.wire is not None
            self._send(self.wire, packet)
            return
        self._items.append(packet)
        self.size += _size(packet)
        self.total += _size(packet)
        self._tell()

    async def put(self, packet: Any) -> None:
        self.put_nowait(packet)

    def get_nowait(self) -> Any:
        """The next packet. Raises asyncio.QueueEmpty."""
        if not self._items:
            raise asyncio.QueueEmpty
        return self._take()

    async def get(self) -> Any:
        """The next packet, when there is one. Canceling it loses none."""
        while not self._items:
            await self.changed(None)
        return self._take()

    async def changed(self, timeout_s: float | None) -> None:
        """Return when something was put or taken out, or after the timeout."""
        self._changed = self._changed or asyncio.get_running_loop().create_future()
        await asyncio.wait({self._changed}, timeout=timeout_s)

    def empty(self) -> bool:
        return not self._items

    def qsize(self) -> int:
        return len(self._items)

    def task_done(self) -> None:
        """An asyncio.Queue counts these; here a packet is done when it is taken out."""

    async def join(self) -> None:
        """Return when nothing waits."""
        while self._items:
            await self.changed(None)

    def clear(self) -> None:
        """Drop what waits: there is nobody any more to send it to."""
        self._items.clear()
        self.size = 0
        self._tell()

    def _take(self) -> Any:
        packet = self._items.pop(0)
        self.size -= _size(packet)
        self._tell()
        return packet

    def _send(self, wire: Wire, packet: Any) -> None:
        if packet is None:
            wire.hang_up()
        else:
            frame = frame_of(packet)
            self.total += len(frame)
            wire.write(frame)

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set_result(None)
            self._changed = None


def _size(packet: Any) -> int:
    data = getattr(packet, "data", None)
    return len(data) if isinstance(data, str | bytes) else 0
