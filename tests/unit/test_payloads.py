"""Payloads and positions as clients send them, parsed at the edge."""

from __future__ import annotations

from typing import Any

import pytest

from app.payloads import BadPayload, ChatEvent, MessageEvent, NewChat, RoomEvent, UserJoin, parse, parse_position
from streams.entry import Position


def test_unknown_fields_are_ignored() -> None:
    event = parse(ChatEvent, {"chat_id": "c", "data": {"type": "join", "new": 1}, "auth": {"token": "t"}})
    assert (event.chat_id, event.data.type, event.after) == ("c", "join", None)


@pytest.mark.parametrize(
    ("kind", "payload", "place"),
    [
        (ChatEvent, None, "payload"),
        (ChatEvent, {"data": {"type": "join"}}, "chat_id"),
        (ChatEvent, {"chat_id": "a\0", "data": {"type": "join"}}, "chat_id"),
        (ChatEvent, {"chat_id": "c", "data": {"type": "jump"}}, "data.type"),
        (UserJoin, {"auth": {"token": 7}}, "auth.token"),
        (NewChat, {"title": "x" * 1001}, "title"),
        (MessageEvent, {"type": ""}, "type"),
        (MessageEvent, {"type": "a\nb"}, "type"),
        (RoomEvent, {"event": "e", "durable": "perhaps"}, "durable"),
        (RoomEvent, {"event": "a\nb"}, "event"),
        (RoomEvent, {"event": "a\ufffdb"}, "event"),
    ],
)
def test_a_refusal_names_the_place_and_no_value(kind: Any, payload: Any, place: str) -> None:
    with pytest.raises(BadPayload) as refusal:
        parse(kind, payload)
    assert str(refusal.value).startswith(f"{place}: ")
    assert "xxxx" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (None, None),
        ("0-0", Position.ZERO),
        ("1763700000000-12", Position(1763700000000, 12)),
        ("18446744073709551615-18446744073709551615", Position(2**64 - 1, 2**64 - 1)),
    ],
)
def test_positions_are_read(text: str | None, position: Position | None) -> None:
    assert parse_position(text) == position


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1", "1-2-3", "a-b", " 1-0", "1-0\n", "18446744073709551616-0", "$", "+"]
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(BadPayload, match="not a position"):
        parse_position(text)
