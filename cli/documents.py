"""`roomlog documents`: what is stored of a document, its versions, and what could not be integrated."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from archive.documents import Quarantined, StoredDocument, Version
from archive.yjs import OURS, decode_vector
from cli.errors import CommandError
from cli.place import Place, at_place
from streams.entry import Position
from streams.resets import reset_entry

app = typer.Typer(help="Collaborative documents.", no_args_is_help=True, add_completion=False)

SHOWN_CHARS = 60

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
    name = _canonical(document_id)
    document, head = at_place(lambda at: _show(at, name))
    if markdown:
        typer.echo(json.dumps({"id": name, "markdown": document.markdown}) if as_json else document.markdown)
        return
    _print([_facts(document, head)], as_json)


@app.command()
def history(document_id: DocumentId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the versions of a document that are kept. The first is the present state."""
    name = _canonical(document_id)
    versions = at_place(lambda at: at.archive.documents.history(name, limit))
    _print([_version_facts(version) for version in versions], as_json, f"no version of {name} is stored")


@app.command()
def restore(
    document_id: DocumentId,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The version, as `history` numbers them.")],
    as_json: AsJson = False,
) -> None:
    """Begin a new history of a document with an old version. Editors that are connected get it at once.

    What was written after that version is not in the document any more; it stays in the versions that are kept.
    """
    name = _canonical(document_id)
    epoch, position = at_place(lambda at: _restore(at, name, number))
    words = f"{name} is version {number} again, from {position} on, in history {epoch}"
    typer.echo(json.dumps({"id": name, "epoch": epoch, "position": str(position)}) if as_json else words)


@app.command()
def quarantine(document_id: DocumentId, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the updates of a document that no sandbox survived, with their senders. They are in no version."""
    name = _canonical(document_id)
    updates = at_place(lambda at: at.archive.documents.quarantined(name, limit))
    _print([_update_facts(update, as_json) for update in updates], as_json, f"no update of {name} is in quarantine")


async def _show(at: Place, name: str) -> tuple[StoredDocument, Position]:
    head = await at.reader.head(f"doc_{name}")
    document = await at.archive.documents.stored(name)
    if document is None and head == Position.ZERO:
        raise CommandError(f"there is no document {name}")
    return document or StoredDocument(name), head


async def _restore(at: Place, name: str, number: int) -> tuple[str, Position]:
    version = await at.archive.documents.version(name, number)
    stored = await at.archive.documents.stored(name)
    if version is None or stored is None:
        raise CommandError(f"version {number} of {name} is not kept")
    await at.documents.pass_by(stored.position)
    entry = reset_entry(f"doc_{name}", version.state, decode_vector(version.vector, OURS).clocks)
    appended = await at.appender.append(entry)
    return str(json.loads(entry.data)["epoch"]), appended.position


def _canonical(document_id: str) -> str:
    match = re.fullmatch(r"(?:doc_)?note[:_](.+)", document_id, re.DOTALL)
    if match is None:
        raise CommandError(f"not a document: {document_id[:100]!r}; note:{{id}} is expected")
    return f"note:{match[1]}"


def _facts(document: StoredDocument, head: Position) -> dict[str, Any]:
    return {
        "id": document.id,
        "history": document.epoch,
        "version": document.number,
        "bytes": len(document.state),
        "clients": len(decode_vector(document.vector, OURS).clocks),
        "folded_up_to": str(document.position),
        "newest": str(max(head, document.position)),
        "content_from": str(document.content.position) if document.content else None,
        "folded_at": _time(document.updated_at) if document.exists else None,
    }


def _version_facts(version: Version) -> dict[str, Any]:
    return {
        "number": version.number,
        "at": _time(version.at),
        "history": version.epoch,
        "position": str(version.position),
        "bytes": version.size_bytes,
    }


def _update_facts(update: Quarantined, whole: bool) -> dict[str, Any]:
    facts = {
        "position": str(update.position),
        "at": _time(update.at),
        "user": update.user_id,
        "session": update.session,
        "bytes": len(update.update),
        "error": update.error,
    }
    return facts | ({"update": b64encode(update.update).decode()} if whole else {})


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _print(rows: Sequence[Mapping[str, Any]], as_json: bool, none: str = "") -> None:
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    elif rows:
        _print_table(rows)
    else:
        typer.echo(none)


def _print_table(rows: Iterable[Mapping[str, Any]]) -> None:
    table: Table | None = None
    for row in rows:
        table = table or Table(*(name.replace("_", " ") for name in row))
        table.add_row(*(_cell("" if value is None else str(value)) for value in row.values()))
    if table is not None:
        Console().print(table)


def _cell(text: str) -> Text:
    """Text as it is: what a client sent is no markup and no escape sequence."""
    printable = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return Text(printable if len(printable) <= SHOWN_CHARS else printable[: SHOWN_CHARS - 1] + "…")
