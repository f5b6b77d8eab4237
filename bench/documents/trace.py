"""The history that all targets get, in a file: each update with its length before it, 4 bytes, little-endian."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.documents.history import history
from cli.demo.paper import Paper

SEED = 1
HEAD_BYTES = 4


@dataclass(frozen=True, slots=True)
class Part:
    """Updates `start` to `stop` of the file. text: of the document when it has these and all before."""

    file: Path
    start: int
    stop: int
    text: str

    @property
    def updates(self) -> list[bytes]:
        return updates_of(self.file, self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Trace:
    """old: what was there before anybody came. missed: what was typed while some were away. live: typed after that."""

    old: Part
    missed: Part
    live: Part


def make_trace(file: Path, old: int, missed: int, live: int) -> Trace:
    """Write a history of so many updates."""
    made = list(itertools.islice(history(Random(SEED)), old + missed + live))
    file.write_bytes(b"".join(len(update).to_bytes(HEAD_BYTES, "little") + update for update in made))
    paper = Paper(lambda _update: None)
    parts = []
    for start, count in ((0, old), (old, missed), (old + missed, live)):
        _apply(paper, made[start : start + count])
        parts.append(Part(file, start, start + count, paper.text))
    return Trace(*parts)


def _apply(paper: Paper, updates: Iterable[bytes]) -> None:
    for update in updates:
        paper.apply(update)


def updates_of(file: Path, start: int, stop: int) -> list[bytes]:
    """Some of a file's updates."""
    data, at, found = file.read_bytes(), 0, []
    for number in range(stop):
        length = int.from_bytes(data[at : at + HEAD_BYTES], "little")
        at += HEAD_BYTES + length
        if number >= start:
            found.append(data[at - length : at])
    return found
