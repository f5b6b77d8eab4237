"""What a caller appends: an entry, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple

from streams.document_change import DocumentChange


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key: within `ttl_s`, the same key in the same scope is answered with the first position.

    digest: of what was asked, if the entry also holds what differs from try to try (a time, an id). By default the
    entry's own.
    """

    scope: str
    key: str
    ttl_s: int = 86_400
    digest: str = ""


FENCE_TTL_S = 3600
"""A fence that nobody appended through for this long is gone, and its run is over."""


class Step(Enum):
    """What an entry does to its fence."""

    BEGIN = "b"  # the run takes it, whoever held it before
    HOLD = "h"  # only the run that holds it may append
    END = "e"  # the same, and the fence is gone behind this entry: it is the last of the run
    PASS = "p"  # the same, but what comes behind the end has the fence, until another run begins


@dataclass(frozen=True, slots=True)
class Fence:
    """Lets one run at a time append: entries of a run that was replaced, or has ended, are refused as Fenced.

    name: what the runs are of. run: a name that no other run ever has.
    """

    name: str
    run: str
    step: Step = Step.HOLD

    @property
    def epilogue(self) -> Fence:
        """Of the one entry that may come behind the run, if it passed the fence on."""
        return Fence(self.name, self.run + "+", Step.END)


@dataclass(frozen=True, slots=True)
class Copy:
    """Of an entry, for another room. head: JSON members, such as `"shared":true`, put in front of its object's own."""

    room: str
    head: bytes
    skip: str = ""

    def data(self, entry: bytes) -> bytes:
        """The copy's data; append.lua makes the same."""
        return b"{" + self.head + b"," + entry[1:]


class NewEntry(NamedTuple):
    """What a caller appends. A tuple, because a producer makes thousands a second: a frozen dataclass costs four times
    as much.

    data: the event's one argument as JSON bytes; delivered untouched.
    skip: session id, or `user:{id}`, that must not receive it.
    quiet: only the fold reads it.
    once: idempotency key.
    fence: refuses the entry when its run is over.
    binary: one attachment; `data` has Socket.IO's placeholder where it belongs.
    change: what the attachment changes in the room's document: refuses the entry when it does not fit. An entry has a
        fence or a change, not both.
    copy: for the viewers of another room: appended right behind this entry, if that room has live members. Then the
        data is a JSON object that is not empty.
    """

    room: str
    event: str
    data: bytes
    skip: str = ""
    quiet: bool = False
    once: Once | None = None
    fence: Fence | None = None
    copy: Copy | None = None
    binary: bytes = b""
    change: DocumentChange | None = None

    @property
    def size_bytes(self) -> int:
        """Of what is stored of it and of its copy."""
        return len(self.data) * (2 if self.copy else 1) + len(self.binary)

    @property
    def digest(self) -> str:
        """Of what was asked: the same key with another digest is refused."""
        if self.once is not None and self.once.digest:
            return self.once.digest
        return blake2b(self.event.encode() + b"\0" + self.data + self.binary, digest_size=12).hexdigest()
