"""`roomlog deadletters`: entries that could not be folded, to look at, to drive again, to drop."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Entries that could not be folded.", no_args_is_help=True)

LetterId = Annotated[str, typer.Argument(metavar="ID", help="ID as `list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, as the admin API has it.")]


@app.command("list")
def list_letters(as_json: AsJson = False) -> None:
    """List all dead letters, the oldest first; with --json a line for a hundred of them."""
    from cli.letters import list_letters as command

    command(as_json)


@app.command()
def show(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Show one dead letter with its whole payload."""
    from cli.letters import show as command

    command(letter_id, as_json)


@app.command()
def retry(
    letter_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="ID as `list` shows it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter, the oldest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Append dead letters once more, for the fold only: clients had them already."""
    if (letter_id is None) != everything:
        raise typer.BadParameter("give an ID or --all")
    from cli.letters import retry as command

    command(letter_id, as_json)


@app.command()
def drop(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Forget a dead letter for good. Its entry will never be stored."""
    from cli.letters import drop as command

    command(letter_id, as_json)
