"""The rooms of the shard as a list, whatever their number: looked for by name, by length, by what is not folded.

The log keeps the rooms' newest positions in one hash. A request looks at one window of it, of about WINDOW rooms, and
sorts those; where the shard has more, the answer says that it is partial and where to go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from archive.errors import ArchiveError
from archive.store import Archive
from registry.occupants import Occupant, Occupants
from streams.document_glance import DocumentGlance, glance_at_document
from streams.entry import Position
from streams.keys import document_of, is_document, is_folded
from streams.link import Client, Link
from streams.rooms import RoomHead, Rooms, Unfolded

WINDOW = 10_000
"""Rooms that one request looks at: their names and newest positions, or, sorted by more, one number more of each."""

MEMBERS = 100

LISTED_COUNT, COUNT = 100, 1_000
"""Unfolded entries that are counted at most: of each room of a list, and of one alone."""

ASK_S = 2.0
"""What the database may take; without it the list goes by what the log last heard of it."""

ORDERS = ("name", "length", "lag", "newest")


@dataclass(frozen=True, slots=True)
class Room:
    """length: entries in the log. members: connected sessions in it. newest: position of the newest entry.

    newest_ms: when that was.
    stored: position up to which it is in the database; None for a room that is never folded, and for one that was not.
    unfolded: entries behind it, as far as they were counted, and more of them if `more_unfolded`; None where nothing
    is folded.
    lag_s: age of the oldest of them, 0 for none.
    """

    room: str
    length: int
    members: int
    newest: str
    newest_ms: int
    stored: str | None
    unfolded: int | None
    more_unfolded: bool
    lag_s: float


@dataclass(frozen=True, slots=True)
class RoomDetail(Room):
    """bytes: of the server's memory, about. oldest: position of the oldest entry that is kept; None for none.

    retention_s: for how long folded entries are kept. member_list: the first MEMBERS of them.
    document: of a document's room that was edited lately.
    """

    bytes: int
    oldest: str | None
    retention_s: int
    member_list: tuple[Occupant, ...]
    document: DocumentGlance | None


@dataclass(frozen=True, slots=True)
class RoomPage:
    """known: rooms of the shard. partial: more rooms were not looked at. cursor: where to go on; None at the end."""

    rooms: tuple[Room, ...]
    cursor: str | None
    known: int
    partial: bool


@dataclass(frozen=True, slots=True)
class Cursor:
    """scan: where in the hash the window begins. offset: rooms of the sorted window that were shown before."""

    scan: int = 0
    offset: int = 0

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises ValueError."""
        scan, _, offset = text.partition("-")
        if not (scan.isdecimal() and offset.isdecimal() and len(text) <= 40):
            raise ValueError("a cursor is what the last page said")
        return cls(int(scan), int(offset))

    def __str__(self) -> str:
        return f"{self.scan}-{self.offset}"


class RoomList:
    """All calls raise LogUnavailable."""

    def __init__(self, link: Link, client: Client, archive: Archive) -> None:
        self._keys = link.keys
        self._client = client
        self._rooms = Rooms(link, client)
        self._occupants = Occupants(link.keys, client)
        self._archive = archive

    async def page(
        self, *, q: str = "", cursor: Cursor | None = None, limit: int = 100, order: str = "name"
    ) -> RoomPage:
        """The next `limit` rooms with `q` in their names. order: one of ORDERS."""
        at = cursor or Cursor()
        heads, after = await self._rooms.window(at.scan, WINDOW, q)
        ordered = await self._sorted(heads, order)
        shown = ordered[at.offset : at.offset + limit]
        following = Cursor(at.scan, at.offset + limit) if len(ordered) > at.offset + limit else Cursor(after)
        return RoomPage(
            rooms=tuple(await self._described(shown, LISTED_COUNT)),
            cursor=str(following) if following != Cursor() else None,
            known=await self._rooms.count(),
            partial=bool(at.scan or after),
        )

    async def one(self, room: str) -> Room | None:
        """One room; None when the log does not know it."""
        head = await self._rooms.head(room)
        return None if head is None else (await self._described([RoomHead(room, head)], COUNT))[0]

    async def detail(self, room: str, retention_s: int) -> RoomDetail | None:
        """One room with what takes a look at it alone; None when the log does not know it."""
        seen = await self.one(room)
        if seen is None:
            return None
        oldest = await self._rooms.nth(room, 0)
        glance = await glance_at_document(self._keys, self._client, room) if is_document(room) else None
        return RoomDetail(
            **{field.name: getattr(seen, field.name) for field in fields(seen)},
            bytes=(await self._rooms.sizes([room]))[room],
            oldest=None if oldest is None else str(oldest),
            retention_s=retention_s,
            member_list=tuple(await self._occupants.some(room, MEMBERS)),
            document=glance,
        )

    async def _sorted(self, heads: Sequence[RoomHead], order: str) -> list[RoomHead]:
        by_name = sorted(heads, key=lambda head: head.room)
        if order == "newest":
            return sorted(by_name, key=lambda head: head.head, reverse=True)
        if order == "length":
            lengths = await self._rooms.lengths([head.room for head in by_name])
            return sorted(by_name, key=lambda head: lengths[head.room], reverse=True)
        if order == "lag":
            folded = await self._rooms.folded([head.room for head in by_name])
            return sorted(by_name, key=lambda head: _behind(head, folded[head.room]))
        return by_name

    async def _described(self, heads: Sequence[RoomHead], count: int) -> list[Room]:
        """What there is to say of these rooms. count: unfolded entries of each that are counted at most."""
        names = [head.room for head in heads]
        stored = await self._stored(names)
        lengths = await self._rooms.lengths(names)
        members = await self._occupants.counts(names)
        behind = await self._rooms.unfolded(
            {head.room: stored[head.room] for head in heads if head.room in stored and head.head > stored[head.room]},
            count,
        )
        now_ms = time.time() * 1000
        return [
            _room(head, lengths[head.room], members[head.room], stored.get(head.room), behind.get(head.room), now_ms)
            for head in heads
        ]

    async def _stored(self, rooms: Sequence[str]) -> Mapping[str, Position]:
        """Up to where each of the rooms that are folded is in the database; the others are not in it."""
        kept = [room for room in rooms if is_folded(room)]
        documents = {room: document_of(room) for room in rooms if is_document(room)}
        try:
            async with asyncio.timeout(ASK_S):
                stored = await self._archive.stored(kept) if kept else {}
                known = (await self._archive.documents.positions([*documents.values()])).stored if documents else {}
        except (ArchiveError, TimeoutError):
            return await self._rooms.folded([*kept, *documents])
        return stored | {room: known[document] for room, document in documents.items()}


def _behind(head: RoomHead, folded: Position) -> tuple[bool, int]:
    """Sorts rooms: those first whose newest entry is not folded, and among them those that have waited longest.

    That is since when they are folded up to, roughly: the entry behind it is not looked for.
    """
    waits = (is_folded(head.room) or is_document(head.room)) and head.head > folded
    return (False, folded.ms or head.head.ms) if waits else (True, 0)


def _room(
    head: RoomHead,
    length: int,
    members: int,
    stored: Position | None,
    behind: Unfolded | None,
    now_ms: float,
) -> Room:
    return Room(
        room=head.room,
        length=length,
        members=members,
        newest=str(head.head),
        newest_ms=head.head.ms,
        stored=None if stored in (None, Position.ZERO) else str(stored),
        unfolded=None if stored is None else behind.entries if behind else 0,
        more_unfolded=behind is not None and behind.more,
        lag_s=round(max(now_ms - behind.oldest_ms, 0) / 1000, 3) if behind and behind.oldest_ms else 0.0,
    )
