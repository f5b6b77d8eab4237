"""`roomlog tasks`: what runs on all nodes, and stopping it."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, as the admin API has it.")]

app = typer.Typer(help="Running tasks of all nodes: `tasks` lists them.", invoke_without_command=True)


@app.callback()
def list_tasks(
    ctx: typer.Context,
    after: Annotated[str, typer.Option(help="Only tasks whose ids follow this one.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Running tasks of all nodes: `tasks` lists them, `tasks stop ID` stops one."""
    if ctx.invoked_subcommand is None:
        from cli.tasks import list_tasks as command

        command(after, limit, as_json)


@app.command()
def stop(
    task_id: Annotated[str, typer.Argument(metavar="ID", help="As `tasks` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Stop a task, on whichever node it runs. Exit code 1 when it had ended before, or its node does not answer."""
    from cli.tasks import stop as command

    raise typer.Exit(command(task_id, as_json))
