"""What rooms have behind the positions that they are folded up to: how the persister reads them."""

from __future__ import annotations

from collections.abc import Mapping

from streams.entry import Entry, Position
from streams.jobs import READ_ROOMS
from streams.line import Line
from streams.link import Client, Link, retrying
from streams.replay import entries_of

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
                found[some[key]] = entries_of(some[key], items)
        return {room: found.get(room, []) for room in rooms}
