"""Joining updates of one document that stand next to each other in a replay: most of a keystroke is its envelope."""

from __future__ import annotations

from collections.abc import Iterable

from archive.yjs.errors import Unmergeable
from archive.yjs.merging import tree_merge
from streams.entry import Entry

JOINED_BYTES = 256 << 10
"""Updates are joined up to this size."""


def joined_updates(entries: Iterable[Entry]) -> list[Entry]:
    """The same entries, with runs of updates of one document as one, which stands where the last of them stood.

    Only what is adjacent: a client that loses its link in between has all up to the position that it saw last.
    """
    found: list[Entry] = []
    run: list[Entry] = []
    for entry in entries:
        if run and not _goes_on(run, entry):
            found += _one(run)
            run = []
        run.append(entry)
    return found + _one(run)


def _goes_on(run: list[Entry], entry: Entry) -> bool:
    if not entry.epoch:
        return False
    last = run[-1]
    same = (last.room, last.epoch, last.event) == (entry.room, entry.epoch, entry.event)
    size = sum(len(one.binary) for one in run) + len(entry.binary)
    return same and not last.reset and not entry.reset and size <= JOINED_BYTES


def _one(run: list[Entry]) -> list[Entry]:
    if len(run) < 2:
        return run
    try:
        return [run[-1]._replace(binary=tree_merge([entry.binary for entry in run]), prev=run[0].prev)]
    except Unmergeable:
        return run
