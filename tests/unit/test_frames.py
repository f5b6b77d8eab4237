"""Frames that are written past the WebSocket library are the ones that it would have written."""

import random

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from app.frames import DEFLATED_BYTES, WINDOW_BITS, binary_frame, deflated_text_frame, text_frame

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_the_librarys(size: int) -> None:
    payload = bytes(97 + number % 26 for number in range(size))
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


@pytest.mark.parametrize("size", [0, DEFLATED_BYTES - 1, DEFLATED_BYTES, 5_000, 100_000])
def test_a_compressed_frame_is_read_by_whoever_agreed_on_it_whatever_came_before(size: int) -> None:
    payload = (b'42["events",{"data":"' + b"word " * size)[:size]
    agreed = PerMessageDeflate(True, True, WINDOW_BITS, WINDOW_BITS)
    for frame in (deflated_text_frame(payload), text_frame(payload), deflated_text_frame(payload)):
        assert _read(frame, agreed) == payload
    assert (len(deflated_text_frame(payload)) < len(text_frame(payload))) == (size >= DEFLATED_BYTES)


def test_what_does_not_shrink_is_sent_as_it_is() -> None:
    noise = random.Random(1).randbytes(2_000)
    assert deflated_text_frame(noise) == text_frame(noise)


def _read(frame: bytes, extension: PerMessageDeflate) -> bytes:
    reader = StreamReader()
    reader.feed_data(frame)
    parsing = Frame.parse(reader.read_exact, mask=False, extensions=[extension])
    with pytest.raises(StopIteration) as ended:
        next(parsing)
    return bytes(ended.value.value.data)
