"""Socket.IO packets of log entries: the producer's JSON bytes go out untouched.

Format: Engine.IO 4 message packet `4`, Socket.IO 5 EVENT packet `2`, then a JSON array of event name and arguments
(https://socket.io/docs/v4/socket-io-protocol/). The entry's position is the last argument, as Socket.IO's connection
state recovery has it.
"""

from __future__ import annotations

import orjson
from engineio import packet as eio_packet

from streams.entry import Entry


def event_text(event: str, data: bytes, position: str = "") -> str:
    """The Socket.IO packet of an event with one argument that is JSON already, and maybe a position behind it."""
    tail = f',"{position}"]' if position else "]"
    return f"2[{orjson.dumps(event).decode()},{data.decode()}{tail}"


def event_packet(event: str, data: bytes, position: str = "") -> eio_packet.Packet:
    return eio_packet.Packet(eio_packet.MESSAGE, event_text(event, data, position))


def question_packet(event: str, data: bytes, number: int) -> eio_packet.Packet:
    """An event that asks for an acknowledgement by this number. Never with a position: it would be the callback."""
    return eio_packet.Packet(eio_packet.MESSAGE, f"2{number}{event_text(event, data)[1:]}")


class Framer:
    """Makes one packet per entry for all its receivers."""

    def __init__(self) -> None:
        self._entry: Entry | None = None
        self._with: eio_packet.Packet | None = None
        self._without: eio_packet.Packet | None = None

    def packet(self, entry: Entry, with_position: bool) -> eio_packet.Packet:
        """The entry's packet; the same object for every receiver of the same entry in a row."""
        if entry is not self._entry:
            self._entry, self._with, self._without = entry, None, None
        if with_position:
            if self._with is None:
                self._with = event_packet(entry.event, entry.data, str(entry.position))
            return self._with
        if self._without is None:
            self._without = event_packet(entry.event, entry.data)
        return self._without
