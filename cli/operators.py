"""What operators' commands take. The work of each is in a module of its own, imported when it is called."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, as the admin API has it.")]


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
    """Show nodes, workers, both servers, and what to do about them. Exit code 1 when a server is away."""
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


def check(
    program: Annotated[Program, typer.Option("--for", help="What runs with these settings.")] = Program.node,
    as_json: AsJson = False,
) -> None:
    """Test the settings and every server that they name, and say how to mend what is wrong. Changes nothing.

    Exit code 0: nothing is wrong, though there may be warnings; 1: something is; 2: a setting is bad.
    """
    from cli.check import check as command

    raise typer.Exit(command(program.value, as_json))
