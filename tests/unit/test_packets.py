"""Packets carry the producer's bytes untouched."""

from __future__ import annotations

import base64

import orjson
import pytest
from engineio.payload import Payload
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from app.packets import PLACEHOLDER, Framer, event_text, with_base64
from streams.bus import Signal, _parse, frame
from streams.entry import Entry, Position

AT = Position(1763700000000, 3)
UPDATE = b'{"update":%s}' % PLACEHOLDER


def _entry(data: bytes, event: str = "events", binary: bytes = b"") -> Entry:
    return Entry(AT, "user:a", event, data, Position.ZERO, binary=binary)


@pytest.mark.parametrize("data", [b"{}", b"null", b'"\\u00e4"', b'{ "a" :\t1.0 }', b'[1e3,"\xc3\xa4"]'])
def test_the_payload_stands_in_the_packet_as_it_was_made(data: bytes) -> None:
    (packet,) = Framer().packets(_entry(data), with_position=True)
    assert packet.encode() == f'42["events",{data.decode()},"{AT}"]'
    (packet,) = Framer().packets(_entry(data), with_position=False)
    assert packet.encode() == f'42["events",{data.decode()}]'


def test_receivers_of_one_entry_share_one_packet() -> None:
    framer, entry = Framer(), _entry(b"{}")
    first = framer.packets(entry, with_position=True)
    assert framer.packets(entry, with_position=False) is not first
    assert framer.packets(entry, with_position=True) is first
    assert framer.packets(_entry(b"{}"), with_position=True) is not first


def test_an_attachment_follows_its_event_and_is_shared_by_both_transports() -> None:
    text, attached = Framer().packets(_entry(UPDATE, "e", b"\x00\xff"), with_position=True)
    assert text.encode() == f'451-["e",{UPDATE.decode()},"{AT}"]'
    for _ in range(2):
        assert attached.encode() == b"\x00\xff"
        assert attached.encode(b64=True) == "bAP8="
    assert Payload([text, attached]).encode() == f'451-["e",{UPDATE.decode()},"{AT}"]\x1ebAP8='


def test_an_attachment_that_is_no_part_of_the_event_is_not_sent() -> None:
    (packet,) = Framer().packets(_entry(b'{"epoch":"x"}', "e", b"\x00"), with_position=False)
    assert packet.encode() == '42["e",{"epoch":"x"}]'


def test_numbers_go_out_where_binary_is_switched_off_or_a_text_looks_like_a_placeholder() -> None:
    (packet,) = Framer(binary=False).packets(_entry(UPDATE, "e", b"\x00\xff"), with_position=False)
    assert packet.encode() == '42["e",{"update":[0,255]}]'
    twice = b'{"state":%s,"content":{"_placeholder":true,"num":7}}' % PLACEHOLDER
    (packet,) = Framer().event("e", twice, b"\x01")
    assert packet.encode() == '42["e",{"state":[1],"content":{"_placeholder":true,"num":7}}]'


def test_readers_of_json_get_base64() -> None:
    assert with_base64(b"{}", b"") == b"{}"
    assert orjson.loads(with_base64(UPDATE, b"\x00\xff")) == {"update": base64.b64encode(b"\x00\xff").decode()}


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_signal_is_read_back_with_its_attachment(data: bytes, binary: bytes) -> None:
    signal = Signal("room", "event", data, "skip", binary)
    assert _parse(frame(signal)) == signal


def test_what_is_put_behind_a_signal_is_more_of_its_data() -> None:
    assert _parse(frame(Signal("room", "event", b"[")) + b"]") == Signal("room", "event", b"[]")


@pytest.mark.parametrize("with_position", [True, False])
@pytest.mark.parametrize("data", ["{}", '{"content":"' + "Grüße " * 40 + '"}'])
def test_a_frame_is_what_the_library_would_send(data: str, with_position: bool) -> None:
    entry = _entry(data.encode(), 'a "name"')
    (packet,) = Framer().packets(entry, with_position)
    assert Framer().frame(entry, with_position) == Frame(Opcode.TEXT, packet.encode().encode()).serialize(mask=False)


def test_the_frames_of_an_attachment_follow_each_other() -> None:
    entry, framer = _entry(UPDATE, "e", b"\x00\xff"), Framer()
    head, attachment = framer.packets(entry, with_position=True)
    both = [Frame(Opcode.TEXT, head.encode().encode()), Frame(Opcode.BINARY, attachment.encode())]
    assert framer.frame(entry, with_position=True) == b"".join(one.serialize(mask=False) for one in both)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXT, st.integers(-(2**63), 2**64 - 1) | TEXT | st.none())
def test_any_event_name_and_payload_is_read_back(event: str, payload: object) -> None:
    text = event_text(event, orjson.dumps(payload), str(AT))
    assert orjson.loads(text[1:]) == [event, payload, str(AT)]
