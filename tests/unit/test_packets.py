"""Packets carry the producer's bytes untouched."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.packets import Framer, event_text
from streams.entry import Entry, Position

AT = Position(1763700000000, 3)


def _entry(data: bytes, event: str = "events") -> Entry:
    return Entry(AT, "user:a", event, data, Position.ZERO)


@pytest.mark.parametrize("data", [b"{}", b"null", b'"\\u00e4"', b'{ "a" :\t1.0 }', b'[1e3,"\xc3\xa4"]'])
def test_the_payload_stands_in_the_packet_as_it_was_made(data: bytes) -> None:
    packet = Framer().packet(_entry(data), with_position=True)
    assert packet.encode() == f'42["events",{data.decode()},"{AT}"]'
    assert Framer().packet(_entry(data), with_position=False).encode() == f'42["events",{data.decode()}]'


def test_receivers_of_one_entry_share_one_packet() -> None:
    framer, entry = Framer(), _entry(b"{}")
    first = framer.packet(entry, with_position=True)
    assert framer.packet(entry, with_position=False) is not first
    assert framer.packet(entry, with_position=True) is first
    assert framer.packet(_entry(b"{}"), with_position=True) is not first


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXT, st.integers(-(2**63), 2**64 - 1) | TEXT | st.none())
def test_any_event_name_and_payload_is_read_back(event: str, payload: object) -> None:
    text = event_text(event, orjson.dumps(payload), str(AT))
    assert orjson.loads(text[1:]) == [event, payload, str(AT)]
