"""`roomlog documents`: what is stored of a document, its versions, and what could not be integrated."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Collaborative documents.", no_args_is_help=True)

DocumentId = Annotated[str, typer.Argument(metavar="ID", help="The document: note:{id}.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs, one line for each.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")]


@app.command()
def show(
    document_id: DocumentId,
    markdown: Annotated[bool, typer.Option("--markdown", help="Its text instead, as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is stored of a document, and what waits to be folded."""
    from cli.stored_documents import show as command

    command(document_id, markdown, as_json)


@app.command()
def history(document_id: DocumentId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the versions of a document that are kept. The first is the present state."""
    from cli.stored_documents import history as command

    command(document_id, limit, as_json)


@app.command()
def restore(
    document_id: DocumentId,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The version, as `history` numbers them.")],
    as_json: AsJson = False,
) -> None:
    """Begin a new history of a document with an old version. Editors that are connected get it at once.

    What was written after that version is not in the document any more; it stays in the versions that are kept.
    """
    from cli.stored_documents import restore as command

    command(document_id, number, as_json)


@app.command()
def quarantine(document_id: DocumentId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the updates of a document that no sandbox survived, with their senders. They are in no version."""
    from cli.stored_documents import quarantine as command

    command(document_id, limit, as_json)
