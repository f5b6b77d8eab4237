"""Merging updates without a document, by the functions of pycrdt that decode and do not integrate.

They take what the reader (reader.py) accepts; give them nothing else: one that it refuses can end the process. Nothing
gets lost, not even what waits for an update that is missing (a document's own `get_update` drops that).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pycrdt import get_update, merge_updates

from archive.yjs.errors import Unmergeable
from archive.yjs.vector import Vector

NOTHING = b"\0\0"
"""An update that changes nothing; also the state of an empty document, which is what clients test for."""


WIDTH = 16
"""Of a merge. yrs sorts what it merges by an order that is none where two updates have different structs for one clock,
as a tombstone and what it was; from 21 on Rust's sort notices, and panics."""


def tree_merge(updates: Sequence[bytes], width: int = WIDTH) -> bytes:
    """One update with the effect of all. Raises Unmergeable.

    `width` at a time, then their results: merging all at once costs the square of their number (100,000: a minute).
    """
    if width < 2:
        raise ValueError(f"width={width}: at least 2")
    level = list(updates)
    if not level:
        return NOTHING
    while len(level) > 1:
        level = [_merged(level[at : at + width]) for at in range(0, len(level), width)]
    return level[0]


def diff(update: bytes, vector: Vector) -> bytes:
    """What of an update somebody misses who has `vector`: structs past it, and all deletions. Raises Unmergeable."""
    encoded = vector.encoded()
    return _guarded(lambda: get_update(update, encoded))


def _merged(updates: Sequence[bytes]) -> bytes:
    return updates[0] if len(updates) == 1 else _guarded(lambda: merge_updates(*updates))


def _guarded(work: Callable[[], bytes]) -> bytes:
    """pycrdt tells of a bug in itself by PanicException, a BaseException; of bad bytes by ValueError and others."""
    try:
        return work()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as fault:
        raise Unmergeable(type(fault).__name__) from fault  # its words may quote the document
