"""Positions are read strictly: whoever sends one may send anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.entry import Position

_uint64 = st.integers(0, 2**64 - 1)


@given(_uint64, _uint64)
def test_what_is_written_is_read_again(ms: int, seq: int) -> None:
    position = Position(ms, seq)
    assert Position.parse(str(position)) == Position.parse(str(position).encode()) == position


ABOVE_64_BITS = (f"{2**64}-0", f"0-{2**64}", "0" * 21 + "-1")
MALFORMED = (
    "",
    "-",
    "1",
    "1-",
    "-1",
    "1-2-3",
    " 1-2",
    "1-2\n",
    "+1-2",
    "1_0-2",
    "1-²",
    "\u0661-\u0662",
    "0x1-2",
    "1--2",
    "\ud800-1",
)


@pytest.mark.parametrize("text", [*MALFORMED, *ABOVE_64_BITS])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a position"):
        Position.parse(text)
    with pytest.raises(ValueError, match="not a position"):
        Position.parse(text.encode("utf-8", "surrogatepass"))
