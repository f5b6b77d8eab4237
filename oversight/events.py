"""The log of any room as operators read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from streams.entry import Entry, Position
from streams.replay import Gap, Page, Reader


@dataclass(frozen=True, slots=True)
class RoomEvent:
    """data: JSON as it was appended; null where it is withheld. bytes: of it. binary_bytes: of its attachment.

    quiet: read by the fold only. skip: who did not get it, a session or `user:{id}`; "" for nobody.
    """

    position: str
    event: str
    data: Any
    bytes: int
    binary_bytes: int
    quiet: bool
    skip: str
    withheld: bool


@dataclass(frozen=True, slots=True)
class EventPage:
    """events: the oldest first. next: read on after it. complete: there are no more now.

    gap: the log no longer has everything after the position that was asked for; what it has follows.
    """

    room: str
    events: tuple[RoomEvent, ...]
    next: str
    complete: bool
    gap: bool


class RoomEvents:
    """All calls raise LogUnavailable."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(self, room: str, after: Position | None, limit: int, *, withheld: bool = False) -> EventPage:
        """Entries of a room after a position, or from the oldest that is kept. withheld: without their payloads."""
        until = await self._reader.position()
        page, gap = await self._read(room, after, until, limit)
        entries = page.entries[:limit]
        upto = entries[-1].position if len(page.entries) > limit else page.upto
        events = tuple(_event(entry, withheld) for entry in entries)
        return EventPage(room, events, str(upto), upto >= until, gap)

    async def since(self, room: str, after: Position, limit: int) -> EventPage:
        """For who follows a room: as `page`, but behind a gap it goes on with what follows `after`, and brings nothing
        a second time."""
        until = await self._reader.position()
        page, gap = await self._reader.page({room: after}, until, limit=limit), False
        if isinstance(page, Gap):
            start, gap = max(after, await self._reader.oldest(room)), True
            page = await self._reader.page({room: start}, until, limit=limit, vouch=False)
        if isinstance(page, Gap):  # trimmed while it was read: the next call finds what is left
            return EventPage(room, (), str(after), False, gap)
        events = tuple(_event(entry, withheld=False) for entry in page.entries)
        return EventPage(room, events, str(page.upto), page.upto >= until, gap)

    async def _read(self, room: str, after: Position | None, until: Position, limit: int) -> tuple[Page, bool]:
        if after is not None and after <= until:
            page = await self._reader.page({room: after}, until, limit=limit)
            if not isinstance(page, Gap):
                return page, False
        page = await self._reader.page({room: await self._reader.oldest(room)}, until, limit=limit, vouch=False)
        return (Page((), until) if isinstance(page, Gap) else page), after is not None


def _event(entry: Entry, withheld: bool) -> RoomEvent:
    return RoomEvent(
        position=str(entry.position),
        event=entry.event,
        data=None if withheld else orjson.Fragment(entry.data),
        bytes=len(entry.data),
        binary_bytes=len(entry.binary),
        quiet=entry.quiet,
        skip=entry.skip,
        withheld=withheld,
    )
