"""A document of pycrdt as a plain tree, and that as Markdown. Inside the sandbox only: reading a document may hang."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycrdt import Doc, XmlElement, XmlFragment, XmlText

from archive.yjs.markdown import EMPTIED, to_markdown
from archive.yjs.tree import Node, Run

FRAGMENT = "prosemirror"
"""The name under which Open WebUI's editor keeps the text."""

DEEPEST = 64
"""Levels of elements that are shown. What lies deeper is left out: it is not text that somebody wrote."""


def rendered(doc: Doc[Any]) -> str:
    """The Markdown of the note in a document; empty if there is none, a line break if all of it was deleted."""
    if FRAGMENT not in doc.keys():  # noqa: SIM118  # a document cannot be asked otherwise
        return ""
    fragment = doc.get(FRAGMENT, type=XmlFragment)
    return to_markdown(_children(fragment, 1)) or EMPTIED


def _children(parent: XmlFragment | XmlElement, level: int) -> tuple[Node | Run, ...]:
    if level > DEEPEST:
        return ()
    found: list[Node | Run] = []
    for child in parent.children:
        if isinstance(child, XmlElement):
            pairs = child.attributes.__iter__()
            attributes = {str(name): str(value) for name, value in pairs}
            found.append(Node(str(child.tag), attributes, _children(child, level + 1)))
        elif isinstance(child, XmlText):
            found += _runs(child)
    return tuple(found)


def _runs(text: XmlText) -> list[Run]:
    return [Run(part, _marks(marks or {})) for part, marks in text.diff() if isinstance(part, str)]


def _marks(marks: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """y-prosemirror adds a hash to the name of a mark that may stand twice over a text."""
    return {name.split("--", 1)[0]: _attributes(value) for name, value in marks.items() if value is not None}


def _attributes(value: Any) -> dict[str, str]:
    """What is none is left out."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): str(each) for name, each in value.items() if each is not None}
