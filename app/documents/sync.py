"""What a client that joins a document has to be sent. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from archive.yjs.merging import NOTHING, diff, tree_merge
from archive.yjs.vector import Vector

Mode = Literal["tail", "diff", "full", "epoch"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the client says that it has. epoch "": it does not say."""

    epoch: str = ""
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Has:
    """A document at one moment. epoch: of its history. state: what is stored. tail: the updates behind that.

    vector: of the state, if it is known.
    """

    epoch: str
    state: bytes
    tail: Sequence[bytes] = ()
    vector: Vector | None = None

    @property
    def empty(self) -> bool:
        return self.state == NOTHING and not self.tail

    def merged(self) -> bytes:
        """All of it as one update; exactly two zero bytes when it is empty. Stored bytes stay as they are."""
        return tree_merge([self.state, *self.tail] if self.state != NOTHING else self.tail)


def answer(asked: Asked, has: Has) -> tuple[Mode, bytes]:
    """How a client is brought up to date that is not where the log can go on, and by which update."""
    if asked.epoch and asked.epoch != has.epoch:
        return "epoch", b""
    if asked.vector is not None and not has.empty:
        return "diff", diff(has.merged(), asked.vector)
    return "full", has.merged()
