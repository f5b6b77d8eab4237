"""Reading a cut of several rooms in one order: what join, resume, catch-up and repair have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from streams.entry import Entry, Position, change_of
from streams.link import Client, Link, open_epoch, retrying
from streams.strides import READ_BYTES, Strides, sizes_of, within

PAGE_ENTRIES = 500
"""Entries of one room that a page reads at most; the widest page shrinks this as rooms grow in number."""

LEAST_ENTRIES = 20
"""Of one room, however many rooms a page has."""

_END = Position(2**64 - 1, 0)
"""Above every position."""

_XRANGE = b"XRANGE"
"""As bytes, redis-py hands its answer out as it came: making dictionaries of it costs more than all else here."""

_place = attrgetter("position")


@dataclass(frozen=True, slots=True)
class Page:
    """entries: what was appended to the rooms after their starts and up to `upto`, in position order, all of it."""

    entries: tuple[Entry, ...]
    upto: Position


@dataclass(frozen=True, slots=True)
class Gap:
    """The log cannot vouch that it still has everything after the starts of these rooms."""

    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomRead:
    """What was read of one room: where from, its newest entry before the read, the entries, whether more follow."""

    start: Position
    head: Position
    entries: Sequence[Entry]
    more: bool


def is_whole(read: RoomRead) -> bool:
    """True when nothing is missing between the start and the first entry that was read.

    Every entry names its predecessor in the room; a predecessor above the start is an entry that is gone. A room with
    no entry left must not have had one after the start (`head`).
    """
    if read.entries:
        return read.entries[0].prev <= read.start
    return read.head <= read.start


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of several rooms. epoch, floor: as the log had them. rooms: by name."""

    epoch: Position
    floor: Position
    rooms: Mapping[str, RoomRead]


def torn(reads: Mapping[str, RoomRead]) -> Gap | None:
    """Those of the reads of which something is missing."""
    rooms = tuple(room for room, read in reads.items() if not is_whole(read))
    return Gap(rooms) if rooms else None


def merge(reads: Mapping[str, RoomRead], until: Position) -> Page | Gap:
    """Put reads of several rooms into one order.

    Where a room has more than was read, nothing after its last entry that was read is complete; the page ends there.
    """
    if (gap := torn(reads)) is not None:
        return gap
    upto = until
    for read in reads.values():
        if read.more:
            upto = min(upto, read.entries[-1].position)
    found = [read.entries for read in reads.values() if read.entries]
    if len(found) == 1 and found[0][-1].position <= upto:
        return Page(tuple(found[0]), upto)
    entries = [entry for some in found for entry in some if entry.position <= upto]
    entries.sort(key=_place)
    return Page(tuple(entries), upto)


def after(read: RoomRead, start: Position) -> RoomRead:
    """What a read from `start` would have brought, of one that began at it or before."""
    if read.start == start:
        return read
    return replace(read, start=start, entries=[entry for entry in read.entries if entry.position > start])


def vouched(reads: Mapping[str, RoomRead], epoch: Position, spared: Collection[str]) -> Mapping[str, RoomRead] | Gap:
    """The reads, if the log vouches for all after their starts: none is below the epoch. spared: see `Reader.page`."""
    unvouched = tuple(room for room, read in reads.items() if read.start < epoch)
    return Gap(unvouched) if unvouched else sparing(reads, spared)


def sparing(reads: Mapping[str, RoomRead], spared: Collection[str]) -> Mapping[str, RoomRead]:
    """The reads without the question whether those of `spared` rooms are whole."""
    if not spared:
        return reads
    return {room: replace(read, start=_END) if room in spared else read for room, read in reads.items()}


class Reader:
    """Reads rooms. All calls may be repeated, are cancel-safe, and raise LogUnavailable when the log is silent."""

    def __init__(self, link: Link, client: Client, deadline_s: float = 5.0) -> None:
        self._link = link
        self._keys = link.keys
        self._client = client
        self._deadline_s = deadline_s
        self._strides = Strides()

    async def position(self) -> Position:
        """The shard's newest position: everything at or below it is in the log, everything to come is above."""
        return await retrying(self._newest, self._deadline_s)

    async def _newest(self) -> Position:
        newest = await self._client.xrevrange(self._link.keys.log, count=1)
        return Position.parse(newest[0][0]) if newest else await open_epoch(self._client, self._link)

    async def epoch(self) -> Position:
        """Where the log that the server vouches for begins."""
        raw = await retrying(lambda: self._client.hget(self._keys.epoch, "position"), self._deadline_s)
        return Position.parse(raw) if raw else Position.ZERO

    async def page(
        self,
        starts: Mapping[str, Position],
        until: Position,
        *,
        limit: int = PAGE_ENTRIES,
        vouch: bool = True,
        spared: Collection[str] = (),
    ) -> Page | Gap:
        """The next entries of the rooms, each after its own start, up to `until`.

        Call again with all starts moved to `page.upto` (a start above it stays) until that is `until`. Returns Gap
        when the log cannot vouch for a room: then nothing of it may be called complete. Without `vouch` the
        starts are not a client's word: what lies below epoch or floor is not missed (SQL has it, or nobody asks).
        spared: rooms whose copies the reader has elsewhere: a copy that was left out there is no gap for it.
        """
        if not starts:
            return Page((), until)
        reads = await self.read(starts, limit)
        if vouch:
            rooms = vouched(reads.rooms, reads.epoch, spared)
            return rooms if isinstance(rooms, Gap) else merge(rooms, until)
        floored = {room: replace(read, start=max(read.start, reads.floor)) for room, read in reads.rooms.items()}
        return merge(sparing(floored, spared), until)

    async def read(self, starts: Mapping[str, Position], limit: int = PAGE_ENTRIES) -> Reads:
        """What follows each start in its room: of all rooms together about `limit` entries, or READ_BYTES."""
        return await retrying(lambda: self._read(starts, limit), self._deadline_s)

    async def _read(self, starts: Mapping[str, Position], limit: int) -> Reads:
        most, share = max(limit // len(starts), LEAST_ENTRIES), READ_BYTES // len(starts)
        counts = {room: self._strides.of(room, most, share) for room in starts}
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(self._keys.epoch, ["position", "floor"])
        pipe.hmget(self._keys.heads, list(starts))
        for room, start in starts.items():
            pipe.execute_command(_XRANGE, self._keys.room(room), f"({start}", "+", "COUNT", counts[room] + 1)
        (epoch, raw_floor), heads, *ranges = await pipe.execute()
        floor = _position(raw_floor)
        reads = {}
        for (room, start), head, raw in zip(starts.items(), heads, ranges, strict=True):
            entries = entries_of(room, raw[: counts[room]])
            sizes = sizes_of(entries)
            self._strides.took(room, sizes)
            fitting = within(sizes, share)
            before = _position(head) if head else floor
            reads[room] = RoomRead(start, before, entries[:fitting], more=len(raw) > fitting)
        return Reads(_position(epoch), floor, reads)

    async def tail_of(
        self, room: str, after: Position, limit: int = 10_000, *, vouch: bool = False
    ) -> tuple[Position, list[Entry]] | Gap:
        """Everything of one room after a position, and the shard's position that it is complete up to.

        Used to overlay what is not folded yet: `after` is the position that SQL stands at. With `vouch` it may be any
        position that this process once read up to: Gap, when the log cannot tell what came since.
        """
        until = await self.position()
        entries: list[Entry] = []
        while True:
            page = await self.page({room: after}, until, limit=limit, vouch=vouch)
            if isinstance(page, Gap):
                return page
            entries += page.entries
            if page.upto >= until:
                return until, entries
            after = page.upto

    async def oldest(self, room: str) -> Position:
        """The position before the room's oldest entry that is kept: reading after it shows all there is."""

        async def oldest() -> Position | None:
            first = await self._client.xrange(self._keys.room(room), count=1)
            return Position.parse(first[0][1][b"p"]) if first else None

        return await retrying(oldest, self._deadline_s) or await self.head(room)

    async def has(self, room: str, position: Position) -> bool:
        """Whether the room has an entry at exactly this position."""
        key, at = self._keys.room(room), str(position)
        return bool(await retrying(lambda: self._client.xrange(key, at, at), self._deadline_s))

    async def entry(self, room: str, position: Position) -> Entry | None:
        """The room's entry at exactly this position; None when it has none, or has it no more."""
        key, at = self._keys.room(room), str(position)
        found = await retrying(lambda: self._client.xrange(key, at, at), self._deadline_s)
        return entry_of(room, found[0]) if found else None

    async def length(self, room: str) -> int:
        """How many entries the room's stream holds."""
        return int(await retrying(lambda: self._client.xlen(self._keys.room(room)), self._deadline_s))

    async def head(self, room: str) -> Position:
        """The room's newest position, ZERO when it has none."""
        raw = await retrying(lambda: self._client.hget(self._keys.heads, room), self._deadline_s)
        return _position(raw)


def entry_of(room: str, item: Any) -> Entry:
    """An entry from XRANGE's answer: parsed to (id, {field: value}) by redis-py, or raw [id, [field, value, …]]."""
    at, fields = item
    if isinstance(fields, dict):
        fields = [part for pair in fields.items() for part in pair]
    return _entry(room, Position.read(at), Position.read(fields[5]), fields)


def entries_of(room: str, items: Iterable[Any]) -> list[Entry]:
    """Entries from XRANGE's raw answer. Most name the one before them as their predecessor: that is parsed once."""
    entries = []
    at, position = b"", Position.ZERO
    for item, fields in items:
        prev = position if fields[5] == at else Position.read(fields[5])
        at, position = item, Position.read(item)
        entries.append(_entry(room, position, prev, fields))
    return entries


def _entry(room: str, position: Position, prev: Position, fields: Sequence[bytes]) -> Entry:
    """Fields stand in the order in which append.lua writes them: e, d, p; s, q if they say something; then b, c."""
    event, data = fields[1].decode(), fields[3]
    if len(fields) == 6:
        return Entry(position, room, event, data, prev)
    skip, quiet = fields[7].decode(), fields[9] == b"1"
    if len(fields) == 10:
        return Entry(position, room, event, data, prev, skip, quiet)
    epoch, reset = change_of(fields[13]) if len(fields) > 12 else ("", False)
    return Entry(position, room, event, data, prev, skip, quiet, fields[11], epoch, reset)


def _position(raw: bytes | None) -> Position:
    return Position.parse(raw) if raw else Position.ZERO
