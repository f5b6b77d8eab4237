"""The hub: which feeds are in which rooms of this node, live delivery, and the catch-up that all else is made of.

Join, resume, a slow reader and a node that fell behind are one thing: a feed that is not live reads its rooms from the
log, from its cut to where the tail stands, again and again, until in one turn of the loop it has reached the tail; then
it is live. Nothing is buffered for it meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app import metrics
from app.feed import Feed
from app.replayed import Replays, as_replayed
from streams.entry import Entry, Position
from streams.history import History
from streams.replay import Gap, Page, Reader
from streams.strides import sizes_of
from streams.tail import Tail

log = logging.getLogger("roomlog.hub")


class HistoryGone(Exception):
    """The log no longer has everything that the feed is owed."""

    def __init__(self, rooms: Sequence[str]) -> None:
        super().__init__(f"the log has a gap in {', '.join(rooms[:5])}")
        self.rooms = tuple(rooms)


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of the recent history of its rooms a node keeps, and how long, for clients that come back together."""

    bytes: int
    seconds: float


class Hub:
    """Rooms and feeds of this node.

    obey: is given the entries of `orders_room`, in order, in the same turn as everything before them was delivered.
    """

    def __init__(self, reader: Reader, orders_room: str, obey: Callable[[Entry], None], kept: Kept) -> None:
        self.history = History(reader, lambda: self.position, kept.bytes, kept.seconds)
        self._replays = Replays()
        self._turn = asyncio.Lock()
        self._orders_room = orders_room
        self._obey = obey
        self._members: dict[str, set[Feed]] = {}
        self.wanted: set[bytes] = {orders_room.encode()}
        """Names of the rooms that somebody here is in, as the tail asks for them."""
        self.tail: Tail | None = None
        self.on_reset: Callable[[Entry], object] = lambda entry: None
        """Called when an entry began a document's history anew, behind its delivery."""

    @property
    def position(self) -> Position:
        """Where the tail stands: everything at or below it was handed to the live feeds."""
        assert self.tail is not None
        return self.tail.position

    def enter(self, feed: Feed, room: str, after: Position) -> None:
        """Put a feed into a room: it is owed the room's entries after a position."""
        feed.rooms[room] = after
        members = self._members.get(room)
        if members is None:
            members = self._members[room] = set()
            self.wanted.add(room.encode())
        members.add(feed)

    def leave(self, feed: Feed, room: str) -> bool:
        """Take a feed out of a room: from this turn on it gets nothing of it. False when it was not in it."""
        feed.starts.pop(room, None)
        if feed.rooms.pop(room, None) is None:
            return False
        members = self._members[room]
        members.discard(feed)
        if not members:
            del self._members[room]
            self.wanted.discard(room.encode())
            self.history.drop(room)
        return True

    def remove(self, feed: Feed) -> None:
        """Take a feed out of all its rooms, for good."""
        feed.live = False
        feed.closed = True
        for room in list(feed.rooms):
            self.leave(feed, room)

    def members(self, room: str) -> Iterable[Feed]:
        return tuple(self._members.get(room, ()))

    def rooms(self) -> dict[str, int]:
        """Rooms with members here, and how many."""
        return {room: len(members) for room, members in self._members.items()}

    def feeds(self) -> set[Feed]:
        """Every feed that is in a room."""
        return set().union(*self._members.values())

    def deliver(self, entries: Sequence[Entry], position: Position) -> None:
        """The tail's delivery: hand entries to the live members of their rooms, in order."""
        self.history.follow(entries)
        delivered = 0
        for entry in entries:
            if entry.room == self._orders_room:
                self._obey(entry)
            elif not entry.quiet:
                for feed in self._members.get(entry.room, ()):
                    if feed.live and entry.position > feed.after and entry.position > feed.rooms[entry.room]:
                        self._hand_over(feed, entry)
                        delivered += 1
                if entry.reset:
                    self.on_reset(entry)
        if delivered:
            metrics.DELIVERED.inc(delivered)
            metrics.APPEND_TO_SOCKET.observe(max(time.time() - entries[0].position.ms / 1000, 0))

    def _hand_over(self, feed: Feed, entry: Entry) -> None:
        if not feed.skips(entry):
            feed.sink.write(entry)
        if feed.sink.is_full():
            feed.live = False
            feed.slow = True
            feed.cut = entry.position
            metrics.SLOW.inc()
            feed.on_behind()

    def fall_behind(self, before: Position) -> list[Feed]:
        """The tail lost track after `before`: takes every live feed out of live mode and returns them.

        They have to be fed from the log from there: call `on_behind` of each.
        """
        metrics.REPAIRS.inc()
        self.history.clear()
        behind = [feed for feed in self.feeds() if feed.live]
        for feed in behind:
            feed.live = False
            feed.cut = max(before, feed.after)
        return behind

    async def catch_up(self, feed: Feed) -> None:
        """Feed a reader from the log until it has reached the tail; then it is live.

        Raises HistoryGone when the log cannot vouch for what the feed is owed, LogUnavailable, or ConnectionError
        when the reader went away. After any of these the reader must be cut off: it resumes from what it has.
        """
        while not feed.closed and not feed.live:
            await feed.sink.drained()
            await self.step(feed)

    async def step(self, feed: Feed) -> None:
        """One step of catching up: hand out one page, or go live if there is none. Raises as `catch_up` does."""
        until = max(self.position, feed.cut)
        if all(feed.start_of(room) >= until for room in feed.rooms):
            feed.starts.clear()
            feed.had.clear()
            feed.live = not feed.closed
            feed.slow = False
        else:
            await self._feed_page(feed, until)

    def _is_owed(self, feed: Feed, entry: Entry, start: Position) -> bool:
        since = feed.rooms.get(entry.room)  # it may have left the room, and entered it anew, while the page was read
        owed = since is not None and entry.position > max(start, since) and not entry.quiet
        return owed and not feed.skips(entry) and not feed.has_had(entry)

    async def _feed_page(self, feed: Feed, until: Position) -> None:
        """Hand out the next page, or as much of it as the reader has room for: the rest is read again then."""
        starts = {room: start for room in feed.rooms if (start := feed.start_of(room)) < until}
        page = await self.history.page(starts, until, spared=feed.spared)
        if isinstance(page, Gap):
            raise HistoryGone(page.rooms)
        async with self._turn:  # of many who catch up, one a turn of the loop: what is live comes in between
            self._hand_out(feed, starts, page)
            await asyncio.sleep(0)

    def _hand_out(self, feed: Feed, starts: Mapping[str, Position], page: Page) -> None:
        upto, handed = page.upto, []
        for entry in self._owed(feed, starts, page):
            feed.sink.write(entry)
            handed.append(entry)
            if feed.sink.is_full():
                upto = entry.position
                break
        metrics.REPLAYED.inc(len(handed))
        metrics.REPLAYED_BYTES.inc(sum(sizes_of(handed)))
        feed.cut = max(feed.cut, upto)
        moved = {room: max(start, upto) for room, start in feed.starts.items() if room in starts}
        feed.starts = {room: start for room, start in (feed.starts | moved).items() if start < feed.cut}
        feed.had = {room: had for room, had in feed.had.items() if room in feed.starts}

    def _owed(self, feed: Feed, starts: Mapping[str, Position], page: Page) -> Sequence[Entry]:
        """The page as this reader is owed it: what most are owed, unless something of it is not for this one."""
        if not feed.had and all(room in feed.rooms and feed.rooms[room] <= start for room, start in starts.items()):
            shared = self._replays.of(page.entries)
            if not shared.skipped & {feed.sid, feed.user}:
                return shared.events
        return as_replayed(entry for entry in page.entries if self._is_owed(feed, entry, starts[entry.room]))
