"""The fold as the worker uses it: one bad entry never keeps the others from being stored."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from archive.errors import FoldError
from archive.fold import Sifted, fold, sift
from archive.patches import Changes
from streams.entry import Entry
from telemetry.logs import place, told

log = logging.getLogger("roomlog.persister")


def sifted(entries: Sequence[Entry]) -> Sifted:
    """The changes of the sound entries, and an error for each that the fold refuses or fails on. Linear, usually."""
    try:
        return sift(entries)
    except Exception:  # a fault of the fold itself; it must not stop the worker: find its entry
        log.exception("the fold failed; folding entry by entry")
        return _one_by_one(entries)


def _one_by_one(entries: Sequence[Entry]) -> Sifted:
    changes, poison = Changes(), list[FoldError]()
    for entry in entries:
        try:
            changes = fold(changes, entry)
        except FoldError as error:
            poison.append(error)
        except Exception as fault:  # noqa: BLE001 - parked with its place, and visible as a dead letter
            poison.append(FoldError(entry.position, f"the fold failed: {told(fault)} at {place(fault)}"))
    return Sifted(changes, tuple(poison))
