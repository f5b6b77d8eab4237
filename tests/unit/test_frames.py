"""Frames that are written past the WebSocket library are the ones that it would have written."""

import pytest
from websockets.frames import Frame, Opcode

from app.frames import binary_frame, text_frame

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_the_librarys(size: int) -> None:
    payload = bytes(97 + number % 26 for number in range(size))
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)
