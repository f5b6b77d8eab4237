"""`roomlog replay` and `roomlog tail`: a room's log, as it was and as it goes on."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import orjson

from cli.errors import CommandError
from cli.place import LogPlace, at_log
from cli.screen import console, print_json, printable
from oversight.events import EventPage, RoomEvent, RoomEvents
from streams.entry import Position
from streams.errors import LogUnavailable

if TYPE_CHECKING:
    from rich.console import Console

PAGE = 500

LOOK_S = 0.1
"""Between two looks for what is new: nobody reads faster."""

AGAIN_S = 0.5

GAP = "the log cannot vouch for everything behind that position: something may be missing here"


def replay(room: str, after: str | None, limit: int, as_json: bool) -> None:
    """Print what a room's log has after a position, or from the oldest on. Raises SettingsError, CommandError."""
    start = _position(after)
    at_log(lambda at: _replay(at, Printer(as_json), room, start, limit))


def tail(room: str, after: str | None, as_json: bool) -> None:
    """Print what is appended to a room from now on, or after a position, until Ctrl-C. Raises as `replay`."""
    start = _position(after)
    try:
        at_log(lambda at: _follow(at, Printer(as_json), room, start))
    except KeyboardInterrupt:
        return


class Printer:
    """A line for each event: JSON for programs; when, where and what for people. Remarks go to standard error."""

    def __init__(self, as_json: bool) -> None:
        self._out: Console | None = None if as_json else console()

    def page(self, page: EventPage) -> None:
        """What `replay` has read."""
        if self._out is None:
            print_json(page)
        else:
            self.events(page)

    def events(self, page: EventPage) -> None:
        """What `tail` has seen."""
        if page.gap:
            remark(GAP)
        for event in page.events:
            if self._out is None:
                print_json(event)
            else:
                _print(self._out, event)
        sys.stdout.flush()


def remark(words: str) -> None:
    print(f"roomlog: {words}", file=sys.stderr, flush=True)


def _position(text: str | None) -> Position | None:
    try:
        return None if text is None else Position.parse(text)
    except ValueError as fault:
        raise CommandError(f"--after: {fault}") from fault


async def _replay(at: LogPlace, printer: Printer, room: str, start: Position | None, limit: int) -> None:
    """From position 0-0 nobody misses what is gone by now."""
    after = None if start == Position.ZERO else start
    if await at.reader.head(room) == Position.ZERO:
        raise CommandError(f"the log has no room {printable(room)}")
    events = RoomEvents(at.reader)
    while limit > 0:
        page = await events.page(room, after, min(limit, PAGE))
        printer.page(page)
        if page.complete:
            return
        limit -= len(page.events)
        after = Position.parse(page.next)


async def _follow(at: LogPlace, printer: Printer, room: str, start: Position | None) -> None:
    events = RoomEvents(at.reader)
    position = await at.reader.position() if start is None else start
    if start == Position.ZERO:
        page = await events.page(room, None, PAGE)
        printer.events(page)
        position = Position.parse(page.next)
    while True:
        page = await _asked(events, room, position)
        printer.events(page)
        position = Position.parse(page.next)
        at.link.saw(position)
        if page.complete:
            await asyncio.sleep(LOOK_S)


async def _asked(events: RoomEvents, room: str, position: Position) -> EventPage:
    """What follows, whenever the log answers."""
    silent = False
    while True:
        try:
            page = await events.since(room, position, PAGE)
        except LogUnavailable as fault:
            if not silent:
                remark(f"{fault}; it is asked again until it answers")
            silent = True
            await asyncio.sleep(AGAIN_S)
        else:
            if silent:
                remark("the log answers again")
            return page


def _print(out: Console, event: RoomEvent) -> None:
    from rich.text import Text

    payload = orjson.dumps(event.data).decode()
    at = Position.parse(event.position).ms
    line = Text()
    line.append(f"{_time_of_day(at)} {event.position} ", style="dim")
    line.append(printable(event.event), style="bold magenta" if event.quiet else "bold cyan")
    kind = _kind(payload)
    if kind:
        line.append(f" {printable(kind)}", style="red" if "error" in kind else "green")
    line.append(f" {printable(payload)}")
    out.print(line, no_wrap=True, overflow="ellipsis" if out.is_terminal else "ignore", crop=out.is_terminal)


def _kind(payload: str) -> str | None:
    """The type of an event of a message, `{chat_id, message_id, data: {type, data}}`."""
    body = orjson.loads(payload)
    inner = body.get("data") if isinstance(body, dict) else None
    kind = inner.get("type") if isinstance(inner, dict) else None
    return kind if isinstance(kind, str) else None


def _time_of_day(ms: int) -> str:
    seconds = ms // 1000
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms % 1000:03}"
