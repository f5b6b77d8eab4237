"""What is streamed: real documents, and what an assistant that writes one says on the way. No I/O but `load`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cli.errors import CommandError

PROJECT = Path(__file__).resolve().parents[2]
BACKGROUND = PROJECT.parent / "shared" / "background"
WORDS_PER_STEP = 150  # an assistant says what it is doing about this often
SUFFIXES = {".md", ".txt"}

_WIDE = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"  # scripts without spaces: one or two characters are a word
_WORD = re.compile(rf"\s*(?:[{_WIDE}]{{1,2}}|[^\s{_WIDE}]+)|\s+")


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """An event to emit: its type and data, as the contract names them."""

    kind: str
    data: dict[str, Any]


def load(folder: Path | None) -> list[Document]:
    """The documents of a folder; without one the project's background papers, or else its README.

    Raises `CommandError` when there is nothing to stream.
    """
    place = folder or BACKGROUND
    paths = sorted(path for path in place.glob("*") if path.suffix in SUFFIXES) if place.is_dir() else []
    if not paths and folder is None:
        paths = [path for path in [PROJECT / "README.md"] if path.exists()]
    documents = [_read(path) for path in paths]
    if not any(document.text for document in documents):
        raise CommandError(f"nothing to stream in {place}: name a folder with .md or .txt files (--documents)")
    return documents


def _read(path: Path) -> Document:
    try:
        return Document(path.name, path.read_bytes().decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read as UTF-8 text: {error}") from error


def words(text: str) -> list[str]:
    """The text in words, each with the space before it; joined they are the text again."""
    return _WORD.findall(text)


def script(document: Document, chance: Random) -> list[Step]:
    """The events of an answer: a status, the words with steps of work and sources between them, the end."""
    return [
        Step("status", {"description": f"Reading {document.name}", "done": False}),
        *_body(document, chance),
        Step("status", {"description": f"Read {document.name}", "done": True}),
        Step("chat:completion", {"done": True}),
    ]


def _body(document: Document, chance: Random) -> Iterator[Step]:
    for number, word in enumerate(words(document.text), 1):
        yield Step("message", {"content": word})
        if chance.random() < 1 / WORDS_PER_STEP:
            yield Step("status", {"description": f"{number} words written", "done": False})
        if chance.random() < 1 / WORDS_PER_STEP:
            source = {"name": document.name, "id": f"{document.name}#{number}"}
            yield Step("source", {"source": source, "document": [word], "metadata": [{"word": number}]})
