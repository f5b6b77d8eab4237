"""The fold of one document: updates into a state, in a sandbox, and which of them it does not survive."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from archive.yjs import OURS, Vector, read, tree_merge, vector_of
from streams.documents import Piece
from workers.sandbox import Folded, Refused, Sandbox, SandboxDied, SandboxHung

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
    """state, vector, markdown: without the culprits. lossless: the state is a merge; nothing could vouch for less."""

    state: bytes
    vector: Vector
    markdown: str
    lossless: bool
    culprits: tuple[Culprit, ...] = ()


class UnsoundState(Exception):
    """The state that is stored ends the sandbox by itself, without any update."""


async def fold_pieces(sandbox: Sandbox, state: bytes, pieces: Sequence[Piece], markdown: str) -> FoldResult:
    """Fold the updates of pieces into a state. markdown: what it was derived to before.

    Raises SandboxStarved, OSError (no process), and Unmergeable, Malformed, OverLimit when not even a merge works.
    """
    try:
        return await _bisected(sandbox, state, pieces)
    except UnsoundState as fault:
        log.error("a stored state ends the sandbox; merging without it: %s", fault)
        merged = tree_merge([state, *(piece.binary for piece in pieces)])
        return FoldResult(merged, vector_of(read(merged, OURS)), markdown, lossless=True)


async def _bisected(sandbox: Sandbox, state: bytes, pieces: Sequence[Piece]) -> FoldResult:
    try:
        return _result(await sandbox.fold(state, [piece.binary for piece in pieces]))
    except FATAL as fault:
        if len(pieces) <= 1:
            return await _without(sandbox, state, pieces, fault)
        log.warning("the sandbox did not survive %d updates, looking for the one: %r", len(pieces), fault)
    middle = len(pieces) // 2
    first = await _bisected(sandbox, state, pieces[:middle])
    second = await _bisected(sandbox, first.state, pieces[middle:])
    culprits = first.culprits + second.culprits
    return FoldResult(second.state, second.vector, second.markdown, second.lossless, culprits)


async def _without(sandbox: Sandbox, state: bytes, pieces: Sequence[Piece], fault: Exception) -> FoldResult:
    """The state alone, if it is the update's fault: seen twice, because a machine can kill a child too."""
    if not pieces:
        raise UnsoundState(repr(fault)) from fault
    try:
        return _result(await sandbox.fold(state, [pieces[0].binary]))
    except FATAL as again:
        fault = again
    try:
        alone = await sandbox.fold(state, [])
    except FATAL as unsound:
        raise UnsoundState(repr(unsound)) from unsound
    error = f"{type(fault).__name__}: {fault}"
    log.error("update %s goes into quarantine: %s", pieces[0].position, error)
    return FoldResult(alone.state, alone.vector, alone.markdown, alone.lossless, (Culprit(pieces[0], error),))


def _result(folded: Folded) -> FoldResult:
    return FoldResult(folded.state, folded.vector, folded.markdown, folded.lossless)
