"""One Socket.IO client on a C-speed WebSocket: the least of Engine.IO 4 and Socket.IO 5 that a server wants.

It opens a raw websocket (`?EIO=4&transport=websocket`), sends `40{auth}`, answers pings, and knows connection state
recovery: `pid` from the CONNECT answer, the offset from the last argument of the last event.
Protocols: https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from bench.crowd.count import Count
from bench.crowd.inflater import EXTENSIONS, Inflater
from bench.crowd.sockets import small_socket
from bench.crowd.tally import Tally
from bench.marks import EMITTED, LENGTH, ROOM, SEQUENCE, SIGN

OPEN_S = 60.0
_OFFSET = re.compile(rb',"([0-9][0-9a-z:.-]*)"\]$')


class Client(WSListener):  # type: ignore[misc]  # picows is not installed where this is checked
    """owed: numbers of its rooms. count: shared by the crowd. delivered: told, once a frame, how many events came."""

    def __init__(
        self,
        url: str,
        auth: dict[str, Any],
        owed: Sequence[int],
        count: Count,
        delivered: Callable[[int], None] | None,
    ) -> None:
        super().__init__()
        self.url = url
        self.auth = auth
        self.owed = owed
        self.count = count
        self.delivered = delivered
        self.rooms: dict[bytes, Tally] = {}
        self.pid: str | None = None
        self.recovered = False
        self.last = b""
        self.ended = asyncio.Event()
        self.last_at_ns = 0
        self.inflates: Inflater | None = None
        self._room = b""
        self._tally = Tally()
        self._transport: WSTransport | None = None
        self._connected: asyncio.Future[None] | None = None

    async def open(self, small_buffer: bool = False, deflate: bool = False) -> None:
        """Connect; a client that was connected before resumes. Raises OSError, TimeoutError, ConnectionError.

        deflate: offer permessage-deflate (RFC 7692); `inflates` is set when the server agreed.
        """
        self._connected = asyncio.get_running_loop().create_future()
        self.ended.clear()
        options: dict[str, Any] = {"socket_factory": small_socket} if small_buffer else {}
        if deflate:
            options["extra_headers"] = {EXTENSIONS: "permessage-deflate; client_max_window_bits"}
        self.inflates = Inflater() if deflate else None  # a frame may come before we know whether it was agreed
        self._transport, _ = await ws_connect(
            lambda: self, self.url, websocket_handshake_timeout=OPEN_S, max_frame_size=1 << 26, **options
        )
        if "permessage-deflate" not in self._transport.response.headers.get(EXTENSIONS, ""):
            self.inflates = None
        await asyncio.wait_for(self._connected, OPEN_S)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count the marks of a frame: no decoding but of three numbers."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        payload = frame.get_payload_as_bytes()
        wire_bytes = len(payload)
        if self.inflates is not None and frame.rsv1:
            payload = self.inflates(payload)
        at = payload.find(SIGN)
        if at < 0:
            self._control(transport, payload)
            return
        now = time.monotonic_ns()
        count = self.count
        events = 0
        while at >= 0:
            mark = payload[at : at + LENGTH]
            room = mark[ROOM]
            if room != self._room:
                self._room = room
                self._tally = self.rooms.setdefault(room, Tally())
            tally = self._tally
            sequence = int(mark[SEQUENCE])
            if sequence == tally.next:
                tally.next = sequence + 1
            else:
                tally.count(sequence)
            count.spread_ns.append(now - int(mark[EMITTED]))
            events += 1
            at = payload.find(SIGN, at + LENGTH)
        count.deliveries += events
        count.frames += 1
        count.bytes += wire_bytes
        self.last = payload
        self.last_at_ns = now
        if self.delivered is not None:
            self.delivered(events)

    def _control(self, transport: WSTransport, payload: bytes) -> None:
        """Everything that is no counted event."""
        if payload[:1] == b"0":
            auth = dict(self.auth)
            if self.pid is not None:
                auth["pid"] = self.pid
                if offset := _OFFSET.search(self.last):
                    auth["offset"] = offset[1].decode()
            self._send(transport, "40" + json.dumps(auth))
        elif payload == b"2":
            self._send(transport, "3")
        elif payload[:2] == b"40":
            ids = json.loads(payload[2:])
            self.recovered = self.pid is not None and ids.get("pid") == self.pid
            self.pid = ids.get("pid")
            self._answer(None)
        elif payload[:2] in (b"41", b"44"):
            self._answer(ConnectionError(payload.decode()))
        elif payload[:2] == b"43":
            self.count.answers += 1
            self.count.refusals += payload.endswith(b"[false]")
        elif payload.startswith(b'42["room:reset"'):
            self.count.resets += 1
        elif payload.startswith(b'42["error"'):
            self.count.errors += 1

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.ended.set()
        self._answer(ConnectionError("the link ended"))

    def tally(self, room: int) -> Tally:
        """What came of a room."""
        return self.rooms.setdefault(b"%06d" % room, Tally())

    def forget(self) -> None:
        """Forget what was delivered."""
        self.rooms.clear()
        self._room = b""

    def call(self, number: int, event: str, data: Any) -> None:
        """Send an event that asks for an acknowledgement, of which no more than the count is kept."""
        assert self._transport is not None
        self._send(self._transport, f"42{number}" + json.dumps([event, data]))

    def cut(self) -> None:
        """End the link without a word, as a tunnel does."""
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    def pause(self) -> None:
        """Read nothing from now on."""
        assert self._transport is not None
        self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        assert self._transport is not None
        self._transport.underlying_transport.resume_reading()

    def _send(self, transport: WSTransport, text: str) -> None:
        transport.send(WSMsgType.TEXT, text.encode())

    def _answer(self, fault: Exception | None) -> None:
        if self._connected is not None and not self._connected.done():
            if fault is None:
                self._connected.set_result(None)
            else:
                self._connected.set_exception(fault)
