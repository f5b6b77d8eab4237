"""Socket.IO packets of log entries: the producer's JSON bytes go out untouched.

Format: Engine.IO 4 message packet `4`, Socket.IO 5 EVENT packet `2`, then a JSON array of event name and arguments
(https://socket.io/docs/v4/socket-io-protocol/). The entry's position is the last argument, as Socket.IO's connection
state recovery has it. An event with an attachment is a BINARY_EVENT packet `51-`, in whose JSON a placeholder stands
for the bytes, and right behind it a binary Engine.IO packet with these.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import orjson
from engineio import packet as eio_packet

from app.frames import deflated_text_frame, frame_of, text_frame
from streams.entry import Entry

PLACEHOLDER = b'{"_placeholder":true,"num":0}'
"""Stands in an event's JSON where its attachment belongs, as Socket.IO has it."""

_MARK = b'"_placeholder"'

Packets = tuple[eio_packet.Packet, ...]
"""One event on the wire. All of them are put on a socket's queue in one turn of the loop: nothing may come between."""


class Attachment(eio_packet.Packet):  # type: ignore[misc]  # python-engineio has no types
    """A binary packet that sockets of both transports may share: the library's own keeps the first one's encoding."""

    def __init__(self, data: bytes) -> None:
        super().__init__(eio_packet.MESSAGE, data)
        self._polled = ""

    def encode(self, b64: bool = False) -> bytes | str:
        """Bytes for a websocket, text for polling."""
        if not b64:
            return bytes(self.data)
        if not self._polled:
            self._polled = "b" + base64.b64encode(self.data).decode()
        return self._polled


def event_text(event: str, data: bytes, position: str = "") -> str:
    """The Socket.IO packet of an event with one argument that is JSON already, and maybe a position behind it."""
    tail = f',"{position}"]' if position else "]"
    return f"2[{orjson.dumps(event).decode()},{data.decode()}{tail}"


def event_packet(event: str, data: bytes, position: str = "") -> eio_packet.Packet:
    return eio_packet.Packet(eio_packet.MESSAGE, event_text(event, data, position))


def question_packet(event: str, data: bytes, number: int) -> eio_packet.Packet:
    """An event that asks for an acknowledgement by this number. Never with a position: it would be the callback."""
    return eio_packet.Packet(eio_packet.MESSAGE, f"2{number}{event_text(event, data)[1:]}")


def holds(data: bytes, binary: bytes) -> bool:
    """Whether the attachment is part of the event. An entry may have one that only the log's readers use."""
    return bool(binary) and PLACEHOLDER in data


def with_numbers(data: bytes, binary: bytes) -> bytes:
    """The JSON with the attachment as a list of numbers, as Open WebUI's own server sends it: 3.6 times the size."""
    return data.replace(PLACEHOLDER, orjson.dumps(list(binary)), 1)


def with_base64(data: bytes, binary: bytes) -> bytes:
    """The JSON with the attachment as base64 text, for readers that only know JSON."""
    return data.replace(PLACEHOLDER, b'"' + base64.b64encode(binary) + b'"', 1) if binary else data


def put(socket: Any, packets: Packets) -> None:
    """Hand one event to an Engine.IO socket's send queue, in one piece."""
    for packet in packets:
        socket.queue.put_nowait(packet)


class Framer:
    """Makes one event's packets for all its receivers. binary: False sends attachments as lists of numbers."""

    def __init__(self, binary: bool = True) -> None:
        self._binary = binary
        self._entry: Entry | None = None
        self._with, self._without = _Made(), _Made()

    def event(self, event: str, data: bytes, binary: bytes = b"", position: str = "") -> Packets:
        """An event with one argument that is JSON already. binary: what its placeholder stands for.

        Where somebody's text looks like a second placeholder, a client would close the link over it: numbers then.
        """
        if not holds(data, binary):
            return (event_packet(event, data, position),)
        if not self._binary or data.count(_MARK) > 1:
            return (event_packet(event, with_numbers(data, binary), position),)
        text = f"51-{event_text(event, data, position)[1:]}"
        return eio_packet.Packet(eio_packet.MESSAGE, text), Attachment(binary)

    def packets(self, entry: Entry, with_position: bool) -> Packets:
        """The entry's packets; the same objects for every receiver of the same entry in a row."""
        made = self._made(entry, with_position)
        if made.packets is None:
            position = str(entry.position) if with_position else ""
            made.packets = self.event(entry.event, entry.data, entry.binary, position)
        return made.packets

    def frame(self, entry: Entry, with_position: bool) -> bytes:
        """The entry as finished WebSocket frames; the same bytes for every receiver of the same entry in a row."""
        made = self._made(entry, with_position)
        if made.frame is None:
            if entry.binary:
                made.frame = b"".join(map(frame_of, self.packets(entry, with_position)))
            else:
                made.frame = text_frame(_message(entry, with_position))
        return made.frame

    def deflated(self, entry: Entry, with_position: bool) -> bytes:
        """The same for receivers who agreed on permessage-deflate without context; attachments are not compressed."""
        if entry.binary:
            return self.frame(entry, with_position)
        made = self._made(entry, with_position)
        if made.deflated is None:
            made.deflated = deflated_text_frame(_message(entry, with_position))
        return made.deflated

    def _made(self, entry: Entry, with_position: bool) -> _Made:
        if entry is not self._entry:
            self._entry, self._with, self._without = entry, _Made(), _Made()
        return self._with if with_position else self._without


@dataclass(slots=True)
class _Made:
    """What was made of an entry so far."""

    packets: Packets | None = None
    frame: bytes | None = None
    deflated: bytes | None = None


def _message(entry: Entry, with_position: bool) -> bytes:
    """The Engine.IO message of an event without attachment: as `event_packet`'s, put together from bytes."""
    tail = b',"%d-%d"]' % entry.position if with_position else b"]"
    return b"42[%b,%b%b" % (orjson.dumps(entry.event), entry.data, tail)
