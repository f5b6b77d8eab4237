"""A feed: what one reader is handed of the log, once and in order, whatever happens to its link."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Protocol

from streams.entry import Entry, Position

NO_ROOMS: frozenset[str] = frozenset()
"""One for all who have none: every empty set of its own is 216 bytes of each client."""


class Sink(Protocol):
    """Where a feed's entries go: a socket or an SSE response. Must not block; says when it has enough."""

    def write(self, entry: Entry) -> None:
        """Take an entry for sending. Called in order, from one turn of the loop."""

    def is_full(self) -> bool:
        """True when so much waits to be sent that the feed should leave live mode."""

    async def drained(self) -> None:
        """Return when there is room again. Raises ConnectionError when the reader is gone."""


class Feed:
    """One reader's place in the log.

    sid, user: session id, and `user:{id}`; an entry that is to skip either is not handed out.
    rooms: room -> position after which the room belongs to the reader.
    after: nothing at or below it is handed out: the reader had it before (a resumed session's last position).
    cut: while not live: everything in the rooms at or below it has been handed out.
    slow: not live because its sink was full.
    live: entries are handed over by the tail as they come. Otherwise `Hub.catch_up` feeds it from the log.
    """

    __slots__ = (
        "after",
        "closed",
        "cut",
        "had",
        "live",
        "on_behind",
        "rooms",
        "sid",
        "sink",
        "slow",
        "spared",
        "starts",
        "user",
    )

    def __init__(self, sink: Sink, sid: str, cut: Position, user: str = "") -> None:
        self.sink = sink
        self.sid = sid
        self.user = user
        self.rooms: dict[str, Position] = {}
        self.starts: dict[str, Position] = {}
        """Rooms whose replay begins elsewhere than at the cut, until the first catch-up is through them."""
        self.had: dict[str, tuple[Position, Position]] = {}
        """Of those, what was handed out before: room -> (after, up to)."""
        self.spared: AbstractSet[str] = NO_ROOMS
        """The reader's own chats: what their viewers get it has from its own room, so a hole there is no loss."""
        self.after = cut
        self.cut = cut
        self.live = False
        self.slow = False
        self.closed = False
        self.on_behind: Callable[[], object] = lambda: None
        """Called when the hub takes the feed out of live mode: its owner has to see to `Hub.catch_up`."""

    def start_of(self, room: str) -> Position:
        """Where reading of a room goes on."""
        return max(self.rooms[room], self.starts.get(room, self.cut))

    def has_had(self, entry: Entry) -> bool:
        """Whether a replay has come to what the reader was handed before."""
        after, upto = self.had.get(entry.room, (entry.position, entry.position))
        return after < entry.position <= upto

    def skips(self, entry: Entry) -> bool:
        """Whether an entry is not for this reader."""
        return bool(entry.skip) and entry.skip in (self.sid, self.user)
