"""The floor: what a Python process cannot well go below. One stream, read at once over one bare connection; one
pre-built WebSocket frame per event, written to every socket of the room. No Socket.IO logic, no tokens, no resume.

A client is answered the least that makes it content: the WebSocket handshake, `0{…}`, `40{…}`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections import defaultdict
from typing import cast
from urllib.parse import urlsplit

import hiredis
import uvloop

from bench.resp import packed

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
OPEN = b'0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
CONNECTED = b'40{"sid":"floor"}'
READ_ENTRIES = 1000

Rooms = defaultdict[bytes, set[asyncio.Transport]]


def frame(payload: bytes) -> bytes:
    """An unmasked text frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes([size]) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


class Socket(asyncio.Protocol):
    """A client's connection: handshake, then the rooms that its CONNECT packet names; the rest is ignored."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._buffer = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._open and b"\r\n\r\n" in self._buffer:
            self._shake_hands()
        elif self._open and b"}" in (text := unmasked(self._buffer)):
            self._buffer = b""
            if text.startswith(b"40"):
                for room in json.loads(text[2:])["rooms"]:
                    self._rooms[room.encode()].add(self._transport)
                self._transport.write(frame(CONNECTED))

    def _shake_hands(self) -> None:
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
        (key,) = (value.strip() for name, _, value in fields if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame(OPEN)
        )
        self._open = True

    def connection_lost(self, exc: Exception | None) -> None:
        for members in self._rooms.values():
            members.discard(self._transport)


def unmasked(data: bytes) -> bytes:
    """The payload of a client's short frame; nothing while it is not whole."""
    if len(data) < 6:
        return b""
    size, start = data[1] & 0x7F, 2
    if size == 126:
        size, start = int.from_bytes(data[2:4]), 4
    mask, payload = data[start : start + 4], data[start + 4 : start + 4 + size]
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)) if len(payload) == size else b""


class Reader(asyncio.Protocol):
    """XREAD after XREAD on one connection: the next is asked for when the answer to the last has been written out."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._answers = hiredis.Reader()
        self._position = b"0-0"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answers.feed(data)
        while (answer := self._answers.gets()) is not False:
            if answer:
                self._deliver(answer[0][1])
            self._ask()

    def _ask(self) -> None:
        limits = ("COUNT", str(READ_ENTRIES), "BLOCK", "5000")
        self._transport.write(packed("XREAD", *limits, "STREAMS", "floor", self._position))

    def _deliver(self, entries: list[tuple[bytes, list[bytes]]]) -> None:
        for position, fields in entries:
            members = self._rooms.get(fields[1])
            if members:
                made = frame(b'42["events",%b,"%b"]' % (fields[3], position))
                for transport in members:
                    transport.write(made)
        self._position = entries[-1][0]


async def main() -> None:
    loop = asyncio.get_running_loop()
    rooms: Rooms = defaultdict(set)
    url = urlsplit(os.environ["REDIS_URL"])
    await loop.create_connection(lambda: Reader(rooms), url.hostname or "", url.port or 0)
    server = await loop.create_server(lambda: Socket(rooms), "127.0.0.1", int(os.environ["PORT"]), backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
