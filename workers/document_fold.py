"""The fold of one document: updates into a state, in a sandbox, and which of them it does not survive."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archive.yjs import OURS, Vector, read, tree_merge, vector_of
from streams.documents import Piece
from telemetry.logs import told
from workers.sandbox import Refused, Sandbox, SandboxDied, SandboxHung

log = logging.getLogger("roomlog.compactor")

FATAL = (SandboxDied, SandboxHung, Refused)
"""What speaks against the updates. SandboxStarved does not: then the fold is made again later."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """An update that the sandbox did not survive, twice, on a state that it does survive."""

    piece: Piece
    error: str


@dataclass(frozen=True, slots=True)
class FoldResult:
    """state, vector, markdown: without the culprits. lossless: the state is a merge; nothing could vouch for less.

    taken: so many of the updates, from the first on, are in the state or among the culprits. searched_s: how long that
    took, if a sandbox ended; else 0.
    """

    state: bytes
    vector: Vector
    markdown: str
    lossless: bool
    taken: int
    culprits: tuple[Culprit, ...] = ()
    searched_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Effort:
    """When a search for culprits ends, wherever it is: with so many found, or with the first part that it has folded
    after so long. What is left is the next round's, so that other documents come in between."""

    culprits: int = 8
    search_s: float = 30.0


class UnsoundState(Exception):
    """The state that is stored ends the sandbox by itself, without any update."""


async def fold_pieces(
    sandbox: Sandbox, state: bytes, pieces: Sequence[Piece], markdown: str, effort: Effort
) -> FoldResult:
    """Fold the updates of pieces into a state, the first of them at least. markdown: what it was derived to before.

    Raises SandboxStarved, OSError (no process), and Unmergeable, Malformed, OverLimit when not even a merge works.
    """
    search = _Search(sandbox, effort)
    try:
        found = await search.fold(state, pieces)
    except UnsoundState as fault:
        log.error("a stored state ends the sandbox; merging without it: %s", fault)
        merged = tree_merge([state, *(piece.binary for piece in pieces)])
        found = FoldResult(merged, vector_of(read(merged, OURS)), markdown, lossless=True, taken=len(pieces))
    return replace(found, searched_s=search.spent_s if search.deaths else 0.0)


class _Search:
    """One fold, by halves where the sandbox does not survive the whole. deaths: sandboxes that it ended."""

    def __init__(self, sandbox: Sandbox, effort: Effort) -> None:
        self._sandbox = sandbox
        self._effort = effort
        self._began = time.monotonic()
        self._found = 0
        self.deaths = 0

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def _over(self) -> bool:
        return self._found >= self._effort.culprits or self.spent_s >= self._effort.search_s

    async def fold(self, state: bytes, pieces: Sequence[Piece]) -> FoldResult:
        """At least the first of the pieces. Raises UnsoundState."""
        try:
            return await self._survived(state, pieces)
        except FATAL as fault:
            if len(pieces) <= 1:
                return await self._without(state, pieces, fault)
            log.warning("the sandbox did not survive %d updates, looking for the one: %r", len(pieces), fault)
        middle = len(pieces) // 2
        first = await self.fold(state, pieces[:middle])
        if self._over:
            return first
        second = await self.fold(first.state, pieces[middle:])
        return replace(second, taken=first.taken + second.taken, culprits=first.culprits + second.culprits)

    async def _survived(self, state: bytes, pieces: Sequence[Piece]) -> FoldResult:
        try:
            folded = await self._sandbox.fold(state, [piece.binary for piece in pieces])
        except FATAL:
            self.deaths += 1
            raise
        return FoldResult(folded.state, folded.vector, folded.markdown, folded.lossless, len(pieces))

    async def _without(self, state: bytes, pieces: Sequence[Piece], fault: Exception) -> FoldResult:
        """The state alone, if it is the update's fault: seen twice, because a machine can kill a child too."""
        if not pieces:
            raise UnsoundState(told(fault)) from fault
        try:
            return await self._survived(state, pieces)
        except FATAL as again:
            fault = again
        try:
            alone = await self._survived(state, [])
        except FATAL as unsound:
            raise UnsoundState(told(unsound)) from unsound
        self._found += 1
        error = f"{type(fault).__name__}: {fault}"
        log.error(
            "update %(position)s goes into quarantine: %(fault)s", {"position": pieces[0].position, "fault": fault}
        )
        return replace(alone, taken=1, culprits=(Culprit(pieces[0], error),))
