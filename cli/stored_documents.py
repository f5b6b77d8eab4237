"""The work of `roomlog documents`: on what is stored of a document, and its room."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from archive.documents import Quarantined, StoredDocument, Version
from archive.yjs import OURS, decode_vector
from cli.audited import noted
from cli.errors import CommandError
from cli.place import Place, at_place
from cli.screen import cell, clock, console, table
from streams.entry import Position
from streams.resets import reset_entry


def show(document_id: str, markdown: bool, as_json: bool) -> None:
    """Print what is stored of a document, or its text. Raises SettingsError, CommandError."""
    name = _canonical(document_id)
    document, head = at_place(lambda at: _show(at, name))
    if markdown:
        typer.echo(json.dumps({"id": name, "markdown": document.markdown}) if as_json else document.markdown)
        return
    _print([_facts(document, head)], as_json)


def history(document_id: str, limit: int, as_json: bool) -> None:
    """Print its versions, the newest first."""
    name = _canonical(document_id)
    versions = at_place(lambda at: at.archive.documents.history(name, limit))
    _print([_version_facts(version) for version in versions], as_json, f"no version of {name} is stored")


def restore(document_id: str, number: int, as_json: bool) -> None:
    """Begin a new history with an old version."""
    name = _canonical(document_id)
    epoch, position = at_place(lambda at: _restore(at, name, number))
    words = f"{name} is version {number} again, from {position} on, in history {epoch}"
    typer.echo(json.dumps({"id": name, "epoch": epoch, "position": str(position)}) if as_json else words)


def quarantine(document_id: str, limit: int, as_json: bool) -> None:
    """Print the updates that no sandbox survived."""
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
    async with noted(at, "document.restore", name):
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
        "folded_at": clock(document.updated_at) if document.exists else None,
    }


def _version_facts(version: Version) -> dict[str, Any]:
    return {
        "number": version.number,
        "at": clock(version.at),
        "history": version.epoch,
        "position": str(version.position),
        "bytes": version.size_bytes,
    }


def _update_facts(update: Quarantined, whole: bool) -> dict[str, Any]:
    facts = {
        "position": str(update.position),
        "at": clock(update.at),
        "user": update.user_id,
        "session": update.session,
        "bytes": len(update.update),
        "error": update.error,
    }
    return facts | ({"update": b64encode(update.update).decode()} if whole else {})


def _print(rows: Sequence[Mapping[str, Any]], as_json: bool, none: str = "") -> None:
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    elif rows:
        made = table(*(name.replace("_", " ") for name in rows[0]))
        for row in rows:
            made.add_row(*map(cell, row.values()))
        console().print(made)
    else:
        typer.echo(none)
