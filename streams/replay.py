"""Reading a cut of several rooms in one order: what join, resume, catch-up and repair have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streams.entry import Entry, Position, change_of
from streams.link import Client, Link, open_epoch, retrying

PAGE_ENTRIES = 500
"""Entries of one room that a page reads at most; the widest page shrinks this as rooms grow in number."""


_END = Position(2**64 - 1, 0)
"""Above every position."""


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


def merge(reads: Mapping[str, RoomRead], until: Position) -> Page | Gap:
    """Put reads of several rooms into one order.

    Where a room has more than was read, nothing after its last entry that was read is complete; the page ends there.
    """
    torn = tuple(room for room, read in reads.items() if not is_whole(read))
    if torn:
        return Gap(torn)
    upto = until
    for read in reads.values():
        if read.more:
            upto = min(upto, read.entries[-1].position)
    entries = [entry for read in reads.values() for entry in read.entries if entry.position <= upto]
    entries.sort(key=lambda entry: entry.position)
    return Page(tuple(entries), upto)


class Reader:
    """Reads rooms. All calls may be repeated, are cancel-safe, and raise LogUnavailable when the log is silent."""

    def __init__(self, link: Link, client: Client, deadline_s: float = 5.0) -> None:
        self._link = link
        self._keys = link.keys
        self._client = client
        self._deadline_s = deadline_s

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
        rooms = list(starts)
        if not rooms:
            return Page((), until)
        epoch, floor, reads = await retrying(lambda: self._read(rooms, starts, limit), self._deadline_s)
        if not vouch:
            reads = {room: replace(read, start=max(read.start, floor)) for room, read in reads.items()}
        elif unvouched := tuple(room for room in rooms if starts[room] < epoch):
            return Gap(unvouched)
        reads |= {room: replace(reads[room], start=_END) for room in spared if room in reads}
        return merge(reads, until)

    async def _read(
        self, rooms: list[str], starts: Mapping[str, Position], limit: int
    ) -> tuple[Position, Position, dict[str, RoomRead]]:
        count = max(limit // len(rooms), 20)
        pipe = self._client.pipeline(transaction=False)
        pipe.hmget(self._keys.epoch, ["position", "floor"])
        pipe.hmget(self._keys.heads, rooms)
        for room in rooms:
            pipe.execute_command("XRANGE", self._keys.room(room), f"({starts[room]}", "+", "COUNT", count + 1)
        (epoch, raw_floor), heads, *ranges = await pipe.execute()
        floor = _position(raw_floor)
        reads = {}
        for room, head, raw in zip(rooms, heads, ranges, strict=True):
            entries = [entry_of(room, item) for item in raw[:count]]
            before = _position(head) if head else floor
            reads[room] = RoomRead(starts[room], before, entries, more=len(raw) > count)
        return _position(epoch), floor, reads

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
    fields = item[1] if isinstance(item[1], dict) else dict(zip(item[1][::2], item[1][1::2], strict=True))
    epoch, reset = change_of(fields.get(b"c", b""))
    return Entry(
        Position.parse(item[0]),
        room,
        fields[b"e"].decode(),
        fields[b"d"],
        Position.parse(fields[b"p"]),
        fields[b"s"].decode(),
        fields[b"q"] == b"1",
        fields.get(b"b", b""),
        epoch,
        reset,
    )


def _position(raw: bytes | None) -> Position:
    return Position.parse(raw) if raw else Position.ZERO
