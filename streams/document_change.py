"""What an update of a document must fit to be appended, as the append script is told it and answers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from streams.entry import Position
from streams.errors import DocumentFull, DocumentGap, DocumentUnknown, LogError, Moved, OtherEpoch, Seeded

FIRST_EPOCH = "1"
"""The epoch of every new document: the same wherever it is opened, so that clients whose log was lost still fit."""

_EPOCH = re.compile(r"[0-9A-Za-z]{1,32}")


def new_epoch() -> str:
    """The name of a history that nobody has seen."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Reset:
    """The entry begins a new history: its binary is the whole state. epoch: of the new history."""

    epoch: str


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """What an update needs and brings; the log appends it only if everything that it needs is there.

    epoch: the history that it belongs to. A reset may leave it empty: whatever history it replaces.
    spans: (client, start, end) of the structs that it brings, end exclusive, one run for each client.
    needs: (client, clock): the structs below the clock must be there, by the log or by its own spans: origins,
        parents, what it deletes.
    cap_bytes: refused when the state and the updates that are not folded come above it. 0: no cap.
    seed: refused unless the document is empty.
    unmoved: refused unless this is still the newest entry of that other room, ZERO for none: what the writer may do
        was found out at that position.
    """

    epoch: str
    spans: Iterable[tuple[int, int, int]]
    needs: Iterable[tuple[int, int]] = ()
    seed: bool = False
    reset: Reset | None = None
    cap_bytes: int = 0
    unmoved: tuple[str, Position] | None = None

    def __post_init__(self) -> None:
        if not _EPOCH.fullmatch(self.epoch) and not (self.reset and not self.epoch):
            raise ValueError(f"not an epoch: {self.epoch[:50]!r}")
        if self.reset and not _EPOCH.fullmatch(self.reset.epoch):
            raise ValueError(f"not an epoch: {self.reset.epoch[:50]!r}")

    def encoded(self) -> str:
        """As append.lua reads it. A client's needs are one need: the highest."""
        mode = f"!{self.reset.epoch}" if self.reset else "seed" if self.seed else "-"
        needs: dict[int, int] = {}
        for client, clock in self.needs:
            needs[client] = max(clock, needs.get(client, 0))
        spans = " ".join(f"{client} {start} {end}" for client, start, end in self.spans)
        room, head = self.unmoved or ("", None)
        at = "-" if head is None else str(head)
        needed = " ".join(f"{client} {clock}" for client, clock in needs.items())
        return f"{self.epoch} {self.cap_bytes} {mode} {at}|{spans}|{needed}|{room}"


def refusal(room: str, result: str, cap_bytes: int) -> LogError | None:
    """The error that the append script's word for a change means; None when it is a position."""
    word, _, rest = result.partition(" ")
    if word == "unknown":
        return DocumentUnknown(f"{room} is not open: what the log has of it must be read first")
    if word == "moved":
        return Moved(f"what a writer of {room} may do has to be read again")
    if word == "gap":
        return DocumentGap(f"an update of {room} needs what the log does not have")
    if word == "epoch":
        return OtherEpoch(room, rest)
    if word == "seeded":
        return Seeded(f"{room} is not empty")
    if word == "big":
        return DocumentFull(room, cap_bytes, int(rest))
    return None
