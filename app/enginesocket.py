"""An Engine.IO socket: python-engineio's, with pings that forgive slow readers, and a leaner way of WebSockets.

Protocol: https://socket.io/docs/v4/engine-io-protocol/
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from engineio import packet
from engineio.async_socket import AsyncSocket
from engineio.exceptions import SocketIsClosedError, UnknownPacketError

if TYPE_CHECKING:
    from app.engine import WebSocket
    from app.sendqueue import SendQueue, Wire

log = logging.getLogger("roomlog.engine")

OWED_BYTES = 8 << 20
OWED_PACKETS = 10_000
"""A client to which more than this waits to be sent is not read from: it asks more than it reads the answers of. What
it gets of rooms stays far below."""


class EngineSocket(AsyncSocket):  # type: ignore[misc]  # python-engineio has no types
    """One client's link: polling, a WebSocket, or first the one and then the other."""

    queue: SendQueue
    last_ping: float | None
    connected: bool
    upgrading: bool
    upgraded: bool
    closed: bool

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self._timer: asyncio.TimerHandle | None = None
        self._ping_end = 0
        self._seen_gone = 0

    # pings

    def schedule_ping(self) -> None:
        """Ping in a while, unless that is coming already."""
        if self.last_ping:
            self.last_ping = None
            self._timer = asyncio.get_running_loop().call_later(self.server.ping_interval, self._ping)

    def _ping(self) -> None:
        self._timer = None
        if not self.closing and not self.closed:
            self.last_ping = time.time()
            self._seen_gone = self.queue.gone()
            self.queue.put_nowait(packet.Packet(packet.PING))
            self._ping_end = self.queue.total

    async def check_ping_timeout(self) -> bool:
        """False when the client is gone: it is closed then, for good if it has a WebSocket that takes nothing.

        A ping that stands behind other bytes cannot be answered. As long as these go out, slowly as may be, the
        client has its whole time left. Raises SocketIsClosedError.
        """
        gone = self.queue.gone()
        if self.last_ping and self._seen_gone < self._ping_end and gone > self._seen_gone:
            self.last_ping = time.time()
        self._seen_gone = gone
        alive: bool = await super().check_ping_timeout()
        if not alive and self.queue.wire is not None:
            self.queue.wire.abort()
        return alive

    # WebSocket

    async def _websocket_handler(self, ws: WebSocket) -> None:
        """Engine.IO over a WebSocket that was accepted, until its end."""
        if not self.connected:
            self.connected = self.upgraded = True
        elif not await self._is_upgraded(ws):
            return
        if ws.wire is None:
            await self._serve(ws)
        else:
            self.queue.attach(ws.wire)
            ws.wire.call_with_messages(functools.partial(self._read_waiting, ws, ws.wire))

    async def _serve(self, ws: WebSocket) -> None:
        """By ASGI, with tasks that wait."""
        patience_s = self.server.ping_interval + self.server.ping_timeout
        writer = asyncio.create_task(self._write(ws))
        while await self._take_next(ws, patience_s):
            pass
        self.queue.put_nowait(None)
        await self._end(writer, None)

    async def _read_waiting(self, ws: WebSocket, wire: Wire) -> None:
        """Past ASGI, run when something came: take it, and see to the link's end."""
        while wire.has_messages():
            if not await self._take_next(ws):
                wire.drop_messages()
                await self._end(self._flush(ws), wire)

    async def _is_upgraded(self, ws: WebSocket) -> bool:
        """Whether a client that polls has changed over to this WebSocket. Polls bring nothing meanwhile."""
        if self.upgrading:
            return False
        self.upgrading = True
        try:
            async with asyncio.timeout(self.server.ping_timeout):
                probe = packet.Packet(encoded_packet=await ws.wait())
                if probe.packet_type != packet.PING or probe.data != "probe":
                    return False
                await ws.send(packet.Packet(packet.PONG, data="probe").encode())
                self.queue.put_nowait(packet.Packet(packet.NOOP))  # ends the poll that is under way
                changed = packet.Packet(encoded_packet=await ws.wait())
            self.upgraded = changed.packet_type == packet.UPGRADE and not self.closed
        except (OSError, TimeoutError, ValueError):
            return False
        finally:
            self.upgrading = False
        return bool(self.upgraded)

    async def _take_next(self, ws: WebSocket, patience_s: float | None = None) -> bool:
        """Take the client's next message, if it comes in time. False at the link's end."""
        try:
            async with asyncio.timeout(patience_s):
                data = await ws.wait()
            if len(data) > self.server.max_http_buffer_size:
                return False
            await self._take(packet.Packet(encoded_packet=data))
            await self._owed_little()
        except TimeoutError:
            pass  # pings tell whether it is gone
        except (OSError, ValueError, SocketIsClosedError, asyncio.CancelledError):
            return False
        return not self.closed

    async def _take(self, pkt: packet.Packet) -> None:
        try:
            await self.receive(pkt)
        except (UnknownPacketError, SocketIsClosedError) as fault:
            log.debug("connection %s: %s", self.sid, type(fault).__name__)
        except Exception:
            log.exception("a packet of connection %s failed", self.sid)

    async def _owed_little(self) -> None:
        while not self.closed and (self.queue.size > OWED_BYTES or self.queue.qsize() > OWED_PACKETS):
            await self.queue.changed(1.0)

    async def _write(self, ws: WebSocket) -> None:
        """Send what is put into the queue, by ASGI. Ends with the link."""
        with contextlib.suppress(Exception):  # the server's own of a closed link: the reader meets it, too
            while (pkt := await self.queue.get()) is not None:
                await ws.send(pkt.encode())
        await ws.close()

    async def _flush(self, ws: WebSocket) -> None:
        """Send what waits, and close the WebSocket."""
        self.queue.put_nowait(None)
        self.queue.flush()  # of a link that is lost nobody else does
        await self.queue.join()
        await ws.close()

    async def _end(self, sending: Awaitable[None], wire: Wire | None) -> None:
        """Wait until what waits is sent; not for long, where the client takes nothing. Then the connection is over."""
        try:
            async with asyncio.timeout(self.server.ping_timeout):
                await sending
        except (TimeoutError, asyncio.CancelledError):  # the server stops: uvicorn cancels what is left
            if wire is not None:
                wire.abort()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self.close(wait=False, abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            self.queue.clear()
            self.server.sockets.pop(self.sid, None)
