"""A rich text as plain values: what an editor keeps in an XML fragment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Run:
    """Text with the same marks. marks: by name (bold, link, …) their attributes, by name as well."""

    text: str
    marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """An element. tag: as the editor calls it: paragraph, heading, …; attributes: as text."""

    tag: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: tuple[Node | Run, ...] = ()
