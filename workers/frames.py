"""What a sandbox and its owner tell each other: lists of byte strings, over pipes.

A frame is the size of the rest (8 bytes, big-endian) and the parts, each behind its size (4 bytes).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

HEAD = struct.Struct(">Q")
_PART = struct.Struct(">I")


class Garbled(ValueError):
    """Not a frame's body."""


def packed(parts: Sequence[bytes]) -> bytes:
    """A frame of the parts, head included."""
    pieces = [piece for part in parts for piece in (_PART.pack(len(part)), part)]
    return b"".join((HEAD.pack(sum(map(len, pieces))), *pieces))


def unpacked(body: bytes) -> list[bytes]:
    """The parts of a frame's body. Raises Garbled."""
    parts, at = [], 0
    while at < len(body):
        start = at + _PART.size
        if start > len(body):
            raise Garbled("a size cut off")
        (size,) = _PART.unpack_from(body, at)
        at = start + size
        if at > len(body):
            raise Garbled("a part cut off")
        parts.append(body[start:at])
    return parts
