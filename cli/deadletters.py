"""`roomlog deadletters`: entries that could not be folded, to look at, to drive again, to drop."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from cli.errors import CommandError
from embedded import lease
from oversight.audit import Audit
from registry.settings import Settings, load_settings
from streams.append import Appender
from streams.deadletters import DeadLetter, DeadLetters
from streams.entry import Position
from streams.errors import LogError
from streams.keys import Keys
from streams.link import Link

app = typer.Typer(help="Entries that could not be folded.", no_args_is_help=True, add_completion=False)

PAGE = 100
SHOWN_CHARS = 60

LetterId = Annotated[str, typer.Argument(metavar="ID", help="ID as `list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, one line per dead letter.")]

T = TypeVar("T")


@app.command("list")
def list_letters(as_json: AsJson = False) -> None:
    """List all dead letters, the oldest first."""
    letters = _run(_all)
    if as_json:
        _print_json(letters)
    else:
        _print_table(letters)


@app.command()
def show(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Show one dead letter with its whole payload."""
    letter = _run(lambda desk: _get(desk, letter_id))
    if as_json:
        _print_json([letter])
        return
    for name, value in _facts(letter).items():
        typer.echo(f"{name:9} {value}")


@app.command()
def retry(
    letter_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="ID as `list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter, the oldest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Append dead letters once more, for the fold only: clients had them already."""
    if (letter_id is None) != everything:
        raise typer.BadParameter("give an ID or --all")
    done = _run(_retry_all if letter_id is None else lambda desk: _retry_one(desk, letter_id))
    for letter, position in done:
        words = f"{letter.id} of {letter.room} is appended again at {position}"
        typer.echo(json.dumps({"id": letter.id, "position": str(position)}) if as_json else words)
    if not as_json:
        typer.echo(f"{len(done)} retried; what the fold refuses again is listed again")


@app.command()
def drop(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Forget a dead letter for good. Its entry will never be stored."""
    letter = _run(lambda desk: _drop(desk, letter_id))
    if as_json:
        _print_json([letter])
    else:
        typer.echo(f"{letter.id} of {letter.room} is dropped")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands work with."""

    dead: DeadLetters
    appender: Appender
    audit: Audit


async def _all(desk: Desk) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    while page := await desk.dead.page(letters[-1].id if letters else "-", PAGE):
        letters += page
    return letters


async def _get(desk: Desk, letter_id: str) -> DeadLetter:
    try:
        Position.parse(letter_id)
    except ValueError as fault:
        raise CommandError(f"not the ID of a dead letter: {fault}") from fault
    letter = await desk.dead.get(letter_id)
    if letter is None:
        raise CommandError(f"there is no dead letter {letter_id}")
    return letter


async def _retry_one(desk: Desk, letter_id: str) -> list[tuple[DeadLetter, Position]]:
    return [await _retried(desk, await _get(desk, letter_id))]


async def _retry_all(desk: Desk) -> list[tuple[DeadLetter, Position]]:
    """Those that are there now: one that is refused again is not driven a second time."""
    return [await _retried(desk, letter) for letter in await _all(desk)]


async def _retried(desk: Desk, letter: DeadLetter) -> tuple[DeadLetter, Position]:
    position = (await desk.dead.retry(letter, desk.appender)).position
    await desk.audit.note(_who(), "deadletter.retry", letter.id)
    return letter, position


async def _drop(desk: Desk, letter_id: str) -> DeadLetter:
    letter = await _get(desk, letter_id)
    await desk.dead.drop(letter)
    await desk.audit.note(_who(), "deadletter.drop", letter.id)
    return letter


def _who() -> str:
    """Who acts, as the audit names somebody at a command line."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"cli:{os.getuid()}"


def _run(work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do the work on the log that the settings name. Raises CommandError when the log refuses or is silent."""

    async def run() -> T:
        async with _desk(load_settings()) as desk:
            return await work(desk)

    try:
        return asyncio.run(run())
    except LogError as fault:
        raise CommandError(str(fault)) from fault


@asynccontextmanager
async def _desk(settings: Settings) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        url = settings.log_url
        if url is None:
            servers = await stack.enter_async_context(lease(settings.roomlog_data_dir, redis=True, postgres=False))
            url = servers.redis_url or ""
        link = Link(url, Keys(settings.redis_key_prefix), settings.sentinels)
        stack.push_async_callback(link.aclose)
        appender = Appender(link, room_cap=settings.room_cap, log_length=settings.shard_log_length)
        appending = asyncio.create_task(appender.run())
        try:
            client = link.client(connections=2)
            yield Desk(DeadLetters(link, client), appender, Audit(link.keys, client))
        finally:
            appending.cancel()
            await asyncio.gather(appending, return_exceptions=True)


def _facts(letter: DeadLetter) -> dict[str, str]:
    return {
        "id": letter.id,
        "room": letter.room,
        "position": letter.position,
        "event": letter.event,
        "error": letter.error,
        "data": letter.data.decode("utf-8", "replace"),
    }


def _print_json(letters: Iterable[DeadLetter]) -> None:
    for letter in letters:
        typer.echo(json.dumps(_facts(letter)))


def _print_table(letters: list[DeadLetter]) -> None:
    if not letters:
        typer.echo("no dead letters")
        return
    table = Table("ID", "parked", "room", "event", "error", "data")
    for letter in letters:
        facts = _facts(letter)
        table.add_row(
            facts["id"], _parked_at(letter), *(_cell(facts[name]) for name in ("room", "event", "error", "data"))
        )
    Console().print(table)


def _parked_at(letter: DeadLetter) -> str:
    return datetime.fromtimestamp(Position.parse(letter.id).ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _cell(text: str) -> Any:
    """Text as it is: what stands in an entry is no markup and no escape sequence."""
    from rich.text import Text

    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return Text(printable if len(printable) <= SHOWN_CHARS else printable[: SHOWN_CHARS - 1] + "…")
