"""`roomlog`: the console script. One small module per command, imported when it is called."""

import platform
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import deadletters, documents, operators, running, sessions

EXIT_CODES = (
    "Exit codes: 0 done; 1 it failed, and a line says why; 2 a setting or an argument is bad. `status`: 1 when a "
    "server is away or has no tables. `check`: 1 when something must be mended. Ctrl-C ends `tail` with 0."
)

app = typer.Typer(
    name="roomlog",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(documents.app, name="documents")
app.add_typer(sessions.app, name="sessions")
app.add_typer(running.app, name="tasks")
for one in (
    operators.status,
    operators.rooms,
    operators.tail,
    operators.replay,
    operators.revoke,
    operators.check,
    operators.bench,
):
    app.command()(one)


def _version(wanted: bool) -> None:
    if wanted:
        from app import __version__

        print(f"roomlog {__version__}, Python {platform.python_version()}")
        raise typer.Exit


@app.callback()
def roomlog(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Durable, resumable real-time backend: Socket.IO on Redis Streams, folded into PostgreSQL."""


Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port; PORT, or 8080, if left out.")]
Host = Annotated[str | None, typer.Option(help="Address; HOST, or 127.0.0.1, if left out.")]


@app.command()
def serve(host: Host = None, port: Port = None) -> None:
    """Run a node (the same as `uvicorn app.main:app`)."""
    from cli.serve import serve as command

    raise typer.Exit(command(host, port))


@app.command()
def worker() -> None:
    """Run a worker (the same as `python -m workers`)."""
    from workers.main import main

    raise typer.Exit(main())


@app.command()
def dev(host: Host = None, port: Port = None) -> None:
    """Run everything on this machine: the servers, nodes on PORT and PORT + 1, and a worker."""
    from cli.dev import dev as command

    raise typer.Exit(command(host, port))


@app.command()
def token(
    user: Annotated[str, typer.Option(help="The user's id.")] = "alice",
    name: Annotated[str | None, typer.Option(help="The user's name; the id if left out.")] = None,
    role: Annotated[str, typer.Option(help='"user" or "admin".')] = "user",
    ttl: Annotated[int, typer.Option(min=1, help="Seconds for which it is valid.")] = 86_400,
) -> None:
    """Print a token for a user, signed with WEBUI_SECRET_KEY or the data folder's secret."""
    from cli.token import token as command

    print(command(user, name or user, role, ttl))


@app.command()
def demo(
    documents: Annotated[
        Path | None, typer.Option(help="Folder of .md and .txt files to stream; the project's own if left out.")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=1, help="Events per second, of all documents together.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is left to chance.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result for programs.")] = False,
) -> None:
    """Stream real documents through two nodes and a worker while things are killed; ends with a table."""
    from cli.demo import Options, main

    defaults = Options()
    raise typer.Exit(main(Options(documents, rate or defaults.rate, defaults.seed if seed is None else seed, as_json)))


def run() -> None:
    """The console script. Exit code 2 for a bad setting or argument, 1 for a failure; one line says why."""
    from cli.errors import CommandError
    from embedded.errors import EmbeddedError
    from registry.settings import SettingsError

    try:
        app(prog_name="roomlog")
    except SettingsError as error:
        _fail(error, 2)
    except (CommandError, EmbeddedError) as error:
        _fail(error, 1)


def _fail(error: Exception, code: int) -> None:
    print(f"roomlog: {error}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    run()
