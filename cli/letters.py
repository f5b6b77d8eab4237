"""The work of `roomlog deadletters`: on what the admin API shows of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

import orjson
import typer

from cli.audited import noted
from cli.errors import CommandError
from cli.place import LogPlace, at_log
from cli.screen import cell, clock, console, print_json, printable, progress, table
from oversight.letters import Letter, LetterPage, Letters, OpenLetter
from streams.entry import Position

if TYPE_CHECKING:
    from rich.table import Table

PAGE = 100

T = TypeVar("T")


def list_letters(as_json: bool) -> None:
    """Print them all, the oldest first. Raises SettingsError, CommandError."""
    pages = at_log(_all)
    if as_json:
        for page in pages:
            print_json(page)
        return
    letters = [letter for page in pages for letter in page.letters]
    if letters:
        console().print(_table(letters))
    else:
        typer.echo("no dead letters")


def show(letter_id: str, as_json: bool) -> None:
    """Print one with its payload."""
    letter = at_log(lambda at: _open(at, letter_id))
    if as_json:
        print_json(letter)
        return
    facts = {"id": letter.id, "parked": clock(letter.parked_ms), "room": letter.room, "position": letter.position}
    facts |= {"event": letter.event, "error": letter.error, "data": orjson.dumps(letter.data).decode()}
    for name, value in facts.items():
        typer.echo(f"{name:9} {printable(str(value))}")


def retry(letter_id: str | None, as_json: bool) -> None:
    """Append one once more, or all that are there now: one that is refused again is not driven a second time."""
    with progress("appending …"):
        done = at_log(lambda at: _retry(at, letter_id))
    for letter, position in done:
        if as_json:
            print_json({"id": letter, "position": position})
        else:
            typer.echo(f"{letter} is appended again at {position}")
    if not as_json:
        typer.echo(f"{len(done)} retried; what the fold refuses again is listed again")


def drop(letter_id: str, as_json: bool) -> None:
    """Forget one for good."""
    at_log(lambda at: _drop(at, letter_id))
    if as_json:
        print_json({})
    else:
        typer.echo(f"{letter_id} is dropped")


async def _all(at: LogPlace) -> list[LetterPage]:
    return [page async for page in _pages(Letters(at.link, at.client))]


async def _pages(letters: Letters) -> AsyncIterator[LetterPage]:
    after: str | None = None
    while True:
        page = await letters.page(after, PAGE)
        yield page
        if page.next is None:
            return
        after = page.next


async def _open(at: LogPlace, letter_id: str) -> OpenLetter:
    return _found(letter_id, await Letters(at.link, at.client).open(_checked(letter_id)))


async def _retry(at: LogPlace, letter_id: str | None) -> list[tuple[str, str]]:
    ids = [letter.id for page in await _all(at) for letter in page.letters] if letter_id is None else [letter_id]
    return [(one, await _retried(at, _checked(one))) for one in ids]


async def _retried(at: LogPlace, letter_id: str) -> str:
    async with noted(at, "deadletter.retry", letter_id):
        return _found(letter_id, await Letters(at.link, at.client).retry(letter_id, at.appender)).position


async def _drop(at: LogPlace, letter_id: str) -> None:
    async with noted(at, "deadletter.drop", _checked(letter_id)):
        _found(letter_id, await Letters(at.link, at.client).drop(letter_id) or None)


def _checked(letter_id: str) -> str:
    try:
        Position.parse(letter_id)
    except ValueError as fault:
        raise CommandError(f"not the ID of a dead letter: {fault}") from fault
    return letter_id


def _found(letter_id: str, answer: T | None) -> T:
    if answer is None:
        raise CommandError(f"there is no dead letter {letter_id}")
    return answer


def _table(letters: list[Letter]) -> Table:
    made = table("id", "parked", "room", "event", "error", broken=("room", "error"))
    for letter in letters:
        made.add_row(*map(cell, (letter.id, clock(letter.parked_ms), letter.room, letter.event, letter.error)))
    return made
