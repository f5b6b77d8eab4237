"""The mark in every payload, by which a delivery is counted without decoding it.

`~rrrrrrsssssssssnnnnnnnnnnnnnnnnnnnn~`: room number, sequence number in the room, and CLOCK_MONOTONIC in nanoseconds
when it was emitted, all decimal and of fixed width. It is found by a byte search, whatever a server wraps around it,
and survives when adjacent deltas are joined: then a frame has several. No other part of a payload may have a `~`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SIGN = b"~"
ROOM = slice(1, 7)
SEQUENCE = slice(7, 16)
EMITTED = slice(16, 36)
LENGTH = 37


@dataclass(frozen=True, slots=True)
class Mark:
    """room, sequence: numbers from 0. emitted_ns: of the clock that all processes of a machine share."""

    room: int
    sequence: int
    emitted_ns: int


def make(room: int, sequence: int, emitted_ns: int) -> str:
    """The mark as text."""
    return f"~{room:06d}{sequence:09d}{emitted_ns:020d}~"


def marks(payload: bytes) -> Iterator[Mark]:
    """All marks of a payload, in order."""
    at = payload.find(SIGN)
    while at >= 0:
        mark = payload[at : at + LENGTH]
        yield Mark(int(mark[ROOM]), int(mark[SEQUENCE]), int(mark[EMITTED]))
        at = payload.find(SIGN, at + LENGTH)
