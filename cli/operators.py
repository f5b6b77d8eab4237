"""What operators' commands take. The work of each is in a module of its own, imported when it is called."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, as the admin API has it.")]

Room = Annotated[str, typer.Argument(help="The room: user:{id}, chat:{id}, channel:{id}, note:{id}, …")]
After = Annotated[str | None, typer.Option(help="Position, as every event has one; 0-0: the oldest that is kept.")]


class Order(StrEnum):
    """How `rooms` sorts; oversight.rooms.ORDERS."""

    name = "name"
    length = "length"
    lag = "lag"
    newest = "newest"


class Program(StrEnum):
    """Whose servers and rights `check` looks at."""

    node = "node"
    worker = "worker"


def status(as_json: AsJson = False) -> None:
    """Show nodes, workers, both servers, and what to do about them. Starts nothing.

    Exit code 1 when a server is away, or the database has no tables.
    """
    from cli.status import status as command

    raise typer.Exit(command(as_json))


def rooms(
    part: Annotated[str, typer.Option("--q", help="Only rooms with this in their names.")] = "",
    order: Annotated[Order, typer.Option(help="What they are sorted by.")] = Order.name,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="All of them, page by page; with --json a line each.")] = False,
    as_json: AsJson = False,
) -> None:
    """List rooms: entries, members, the newest position, what is not folded yet."""
    from cli.rooms import rooms as command

    command(part, order.value, limit, every, as_json)


def tail(room: Room, after: After = None, as_json: AsJson = False) -> None:
    """Follow a room live, from now on or from a position, until Ctrl-C. It goes on when the log's server is back."""
    from cli.events import tail as command

    command(room, after, as_json)


def replay(
    room: Room,
    after: After = None,
    limit: Annotated[int, typer.Option(min=1, help="How many events at most.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Print what a room's log has, after a position or from the oldest on; with --json a line for 500 events."""
    from cli.events import replay as command

    command(room, after, limit, as_json)


def revoke(
    user: Annotated[str | None, typer.Option(help="All tokens that this user has up to now.")] = None,
    jti: Annotated[str | None, typer.Option(help="One token, by its id.")] = None,
    ttl: Annotated[
        int | None, typer.Option(min=1, help="With --jti: seconds that the token would live; for ever if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Refuse tokens from now on, and end their sessions on every node."""
    if (user is None) == (jti is None):
        raise typer.BadParameter("give --user or --jti")
    from cli.people import revoke_token, revoke_user

    if user is not None:
        revoke_user(user, as_json)
    elif jti is not None:
        revoke_token(jti, ttl, as_json)


def check(
    program: Annotated[Program, typer.Option("--for", help="What runs with these settings.")] = Program.node,
    as_json: AsJson = False,
) -> None:
    """Test the settings and every server that they name, and say how to mend what is wrong. Changes nothing.

    Exit code 0: nothing is wrong, though there may be warnings; 1: something is; 2: a setting is bad.
    """
    from cli.check import check as command

    raise typer.Exit(command(program.value, as_json))


def bench(
    options: Annotated[list[str] | None, typer.Argument(help="Its own options: bench -- --help")] = None,
) -> None:
    """Run the project's benchmark; in a clone of the project only."""
    from cli.bench import bench as command

    command(options or [])
