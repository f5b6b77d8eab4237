"""A document as it is stored: a Yjs state, the position that it is folded up to, and how its readers see it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from archive.yjs import NOTHING
from streams.document_change import FIRST_EPOCH
from streams.documents import Content
from streams.entry import Position

NO_VECTOR = b"\0"
"""The state vector of an empty document."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A snapshot. position: of the document's room, that it is complete up to. updated_at: Unix ms, 0 for never.

    state, vector: Yjs v1. number: of the state among the document's versions. content: the newest rendering that a
    client sent. markdown: derived from the state.
    """

    id: str
    epoch: str = FIRST_EPOCH
    position: Position = Position.ZERO
    number: int = 0
    state: bytes = NOTHING
    vector: bytes = NO_VECTOR
    content: Content | None = None
    markdown: str = ""
    updated_at: int = 0

    @property
    def exists(self) -> bool:
        """Whether anything of it is stored."""
        return self.updated_at > 0


@dataclass(frozen=True, slots=True)
class Rendered:
    """How readers see a document. position: of the state that the Markdown was derived from. content: as stored."""

    position: Position
    content: Content | None
    markdown: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An update that the sandbox could not integrate; it is in no state. at: Unix ms."""

    position: Position
    user_id: str
    session: str
    update: bytes
    error: str
    at: int = field(default_factory=lambda: int(time.time() * 1000))


@dataclass(frozen=True, slots=True)
class FoldedDocument:
    """What a fold made of a document. before: what it was folded from.

    state: None when no entry changed it; then the vector and the Markdown stay too. content: None when none is newer.
    """

    before: StoredDocument
    epoch: str
    position: Position
    state: bytes | None = None
    vector: bytes = NO_VECTOR
    markdown: str = ""
    content: Content | None = None
    quarantined: tuple[Quarantined, ...] = ()

    def __post_init__(self) -> None:
        if self.position < self.before.position:
            raise ValueError(f"{self.before.id} would go back from {self.before.position} to {self.position}")


@dataclass(frozen=True, slots=True)
class Keeping:
    """Which versions stay: the newest ones, and the newest of each of the last hours in which there is one."""

    newest: int = 3
    hours: int = 24


@dataclass(frozen=True, slots=True)
class Version:
    """A state that is, or was, a document's. at: Unix ms. state, vector: b"" in a list."""

    number: int
    epoch: str
    position: Position
    size_bytes: int
    at: int
    state: bytes = b""
    vector: bytes = b""


class Outcome(Enum):
    """What became of a commit."""

    STORED = "stored"
    ELSEWHERE = "elsewhere"  # somebody else moved the document; nothing of this fold was stored
    DELETED = "deleted"  # its note is gone; nothing is kept of it


@dataclass(frozen=True, slots=True)
class FoldedUpTo:
    """stored: document -> the position that it is folded up to. deleted: those whose note is gone: nothing to fold."""

    stored: Mapping[str, Position]
    deleted: frozenset[str]
