"""Neighbouring deltas of one message become one event, and nothing else changes."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.joining import JOINED_BYTES, joined
from streams.entry import Entry, Position


def _entry(seq: int, message: str, kind: str, inner: Any, room: str = "user:alice", **more: Any) -> Entry:
    body = {"chat_id": "c", "message_id": message, "data": {"type": kind, "data": inner}, **more}
    return Entry(Position(1, seq), room, "events", orjson.dumps(body), Position(1, seq - 1))


def _texts(entries: list[Entry]) -> list[str]:
    return [orjson.loads(entry.data)["data"]["data"]["content"] for entry in entries]


def test_neighbours_are_joined_at_the_position_of_the_last() -> None:
    entries = [_entry(seq, "m", "chat:message:delta", {"content": f"{seq} "}) for seq in range(1, 501)]
    whole = list(joined(entries))
    assert [entry.position for entry in whole] == [Position(1, 500)]
    assert _texts(whole) == ["".join(f"{seq} " for seq in range(1, 501))]
    assert orjson.loads(whole[0].data).keys() == {"chat_id", "message_id", "data"}


def test_what_lies_between_keeps_its_place() -> None:
    entries = [
        _entry(1, "m", "message", {"content": "a"}),
        _entry(2, "m", "status", {"description": "s"}),
        _entry(3, "m", "message", {"content": "b"}),
        _entry(4, "other", "message", {"content": "c"}),
        _entry(5, "other", "message", {"content": "d"}, room="chat:c"),
        _entry(6, "other", "message", {"content": "e", "more": 1}),
        _entry(7, "other", "chat:message:delta", {"content": "f"}),
        _entry(8, "other", "message", {"content": ["no text"]}),
    ]
    assert list(joined(entries)) == entries


def test_deltas_of_the_responses_api_are_joined_by_item() -> None:
    def delta(seq: int, item: str, text: str) -> Entry:
        inner = {"type": "response.output_text.delta", "item_id": item, "delta": text, "sequence_number": seq}
        return _entry(seq, "m", "response:completion", inner)

    whole = list(joined([delta(1, "a", "x"), delta(2, "a", "y"), delta(3, "b", "z")]))
    assert [orjson.loads(entry.data)["data"]["data"]["delta"] for entry in whole] == ["xy", "z"]


def test_a_joined_event_has_a_bounded_size() -> None:
    entries = [_entry(seq, "m", "message", {"content": "x" * 1000}) for seq in range(1, 201)]
    sizes = [len(text) for text in _texts(list(joined(entries)))]
    assert sum(sizes) == 200_000
    assert max(sizes) <= JOINED_BYTES


def test_what_is_no_json_is_left_alone() -> None:
    entry = Entry(Position(1, 1), "user:a", "events", b'{"delta":', Position.ZERO)
    assert list(joined([entry, entry])) == [entry, entry]


@pytest.mark.parametrize(
    "data",
    [
        b'{"data":{"type":"message","data":{"content":"a","also":{"content":"b"}}}}',
        b'{"data":{"type":"message","data":{"also":{"content":"b"},"content":"a"}}}',
        b'{"data": {"type": "message", "data": {"content": "a"}}}',
        b'{"data":{"type":"message","data":{"content":"\\u0061"}}}',
        b'{"data":{"data":{"content":"a"},"type":"message"},"z":"content"}',
    ],
)
def test_however_an_event_is_written_only_its_text_is_joined(data: bytes) -> None:
    entries = [Entry(Position(1, seq), "user:a", "events", data, Position(1, seq - 1)) for seq in (1, 2, 3)]
    (whole,) = joined(entries)
    expected = orjson.loads(data)
    expected["data"]["data"]["content"] = "aaa"
    assert orjson.loads(whole.data) == expected


def test_equal_ends_do_not_make_two_events_one() -> None:
    inner = b'{"data":{"type":"message","data":{"content":"%b"}}}'
    told = [inner % b"a", inner % b'b","more":"c', inner % b"d"]
    entries = [Entry(Position(1, n), "user:a", "events", data, Position(1, n - 1)) for n, data in enumerate(told, 1)]
    assert list(joined(entries)) == entries


_KINDS = st.sampled_from(["message", "chat:message:delta", "status", "replace"])


@given(
    st.lists(st.tuples(st.sampled_from("mn"), _KINDS, st.text(st.characters(codec="utf-8"), max_size=3)), max_size=30)
)
def test_a_page_shows_the_same_text(events: list[tuple[str, str, str]]) -> None:
    entries = [_entry(seq, message, kind, {"content": text}) for seq, (message, kind, text) in enumerate(events, 1)]

    def shown(told: list[Entry]) -> dict[str, str]:
        page: dict[str, str] = {}
        for entry in told:
            body = orjson.loads(entry.data)
            message, content = body["message_id"], body["data"]["data"]["content"]
            keep = page.get(message, "") if body["data"]["type"] in ("message", "chat:message:delta") else ""
            page[message] = keep + content
        return page

    assert shown(list(joined(entries))) == shown(entries)
