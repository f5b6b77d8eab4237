"""What rooms have behind the positions that they are folded up to: how the persister reads them.

Not for documents: an entry's `epoch` and `reset` are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.entry import Entry, Position
from streams.jobs import READ_ROOMS
from streams.line import Line
from streams.link import Client, Link, retrying

READ_TIMEOUT_S = 5.0


class Backlog:
    """One reader's connection. One read at a time; each may be cancelled and repeated."""

    def __init__(self, link: Link, client: Client) -> None:
        self._keys = link.keys
        self._line = Line(client)

    async def read(self, starts: Mapping[str, Position], count: int) -> dict[str, list[Entry]]:
        """The entries of each room that follow its start, in order, at most `count` of each; [] where there are none.

        Raises LogUnavailable.
        """
        rooms, found = list(starts), dict[str, list[Entry]]()
        for begin in range(0, len(rooms), READ_ROOMS):
            some = {self._keys.room(room).encode(): room for room in rooms[begin : begin + READ_ROOMS]}
            words = ("XREAD", "COUNT", count, "STREAMS", *some, *(str(starts[room]) for room in some.values()))
            answer = await retrying(lambda words=words: self._line.call(words, READ_TIMEOUT_S))  # type: ignore[misc]
            for key, items in answer or ():
                found[some[key]] = _entries(some[key], items)
        return {room: found.get(room, []) for room in rooms}


def _entries(room: str, items: Sequence[tuple[bytes, Sequence[bytes]]]) -> list[Entry]:
    """From XREAD's answer: [id, [field, value, …]], in the order in which append.lua writes the fields.

    An entry's predecessor is nearly always the one before: it is parsed once.
    """
    entries: list[Entry] = []
    last, last_raw = Position.ZERO, b""
    for raw, fields in items:
        prev = last if fields[5] == last_raw else Position.parse(fields[5])
        last, last_raw = Position.parse(raw), raw
        skip, quiet, binary = fields[7].decode(), fields[9] == b"1", fields[11] if len(fields) > 10 else b""
        entries.append(Entry(last, room, fields[1].decode(), fields[3], prev, skip, quiet, binary))
    return entries
