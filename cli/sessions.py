"""`roomlog sessions`: a user's sessions, and cutting one off."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, as the admin API has it.")]


class _ListedByDefault(TyperGroup):
    """`sessions alice` is `sessions list alice`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = args and args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["list", *args])


app = typer.Typer(
    cls=_ListedByDefault,
    help="A user's sessions on all nodes: `sessions USER`, or `sessions disconnect SID`.",
    subcommand_metavar="USER | COMMAND [ARGS]...",
    no_args_is_help=True,
)


@app.command("list")
def list_sessions(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")], as_json: AsJson = False
) -> None:
    """List a user's connected sessions, the user's role, and whether tokens were revoked."""
    from cli.people import list_sessions as command

    command(user, as_json)


@app.command()
def disconnect(
    sid: Annotated[str, typer.Argument(metavar="SID", help="The session, as `list` shows it.")], as_json: AsJson = False
) -> None:
    """Close a session's link, on whichever node it is. Its client comes back and resumes."""
    from cli.people import disconnect as command

    command(sid, as_json)
