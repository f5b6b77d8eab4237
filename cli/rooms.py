"""`roomlog rooms`: the rooms that the log knows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from cli.place import Place, at_place
from cli.screen import cell, console, lasting, print_json, progress, table
from oversight.rooms import Cursor, Room, RoomList, RoomPage

if TYPE_CHECKING:
    from rich.table import Table

PAGE = 500


def rooms(part: str, order: str, limit: int, every: bool, as_json: bool) -> None:
    """Print a page, or every page. part: of the name. Raises SettingsError, CommandError."""
    with progress("reading rooms …"):
        pages = at_place(lambda at: _read(at, part, order, PAGE if every else limit, every))
    if as_json:
        for page in pages:
            print_json(page)
        return
    found = [room for page in pages for room in page.rooms]
    if found:
        console().print(_table(found))
    console().print(cell(_told(len(found), pages[-1])))


async def _read(at: Place, part: str, order: str, limit: int, every: bool) -> list[RoomPage]:
    pages = _pages(RoomList(at.link, at.client, at.archive), part, order, limit)
    if every:
        return [page async for page in pages]
    return [await anext(pages)]


async def _pages(rooms: RoomList, part: str, order: str, limit: int) -> AsyncIterator[RoomPage]:
    cursor: Cursor | None = None
    while True:
        page = await rooms.page(q=part, cursor=cursor, limit=limit, order=order)
        yield page
        if page.cursor is None:
            return
        cursor = Cursor.parse(page.cursor)


def _table(rooms: Iterable[Room]) -> Table:
    head = ("room", "entries", "members", "newest", "unfolded", "lag")
    made = table(*head, numbers=head[1:])
    for room in rooms:
        unfolded = f"{room.unfolded}{'+' if room.more_unfolded else ''}" if room.unfolded is not None else None
        lag = lasting(room.lag_s) if room.unfolded else None
        made.add_row(*map(cell, (room.room, room.length, room.members, room.newest, unfolded, lag)))
    return made


def _told(shown: int, page: RoomPage) -> str:
    """What is under the table. A part of the shard was looked at when the page is partial."""
    words = f"{shown} of {page.known} rooms"
    if page.cursor is None:
        return words
    return f"{words}; {'sorted among those that one look sees; ' if page.partial else ''}--all shows all"
