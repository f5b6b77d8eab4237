"""The parser of providers' streams: what it reads does not depend on how the bytes were cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completions.sse import LINE_BYTES, BadStream, SseParser

TEXT = st.text(max_size=20).map(lambda text: text.encode("utf-8", "ignore").decode())
OBJECTS = st.dictionaries(TEXT, TEXT | st.integers(-1000, 1000) | st.none() | st.lists(TEXT, max_size=3), max_size=4)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
NOISE = st.sampled_from([b": still here", b"event: message", b"id: 7", b"retry: 10", b"", b"data:", b"data", b"x: y"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Any]]:
    """A stream's bytes and the objects in it: with comments, any line ends, with and without a space or blank line."""
    lines: list[bytes] = [b"\xef\xbb\xbf: hello"] if draw(st.booleans()) else []
    values = draw(st.lists(OBJECTS, max_size=6))
    for value in values:
        lines += draw(st.lists(NOISE, max_size=2))
        if draw(st.booleans()):
            lines.append((b"data: " if draw(st.booleans()) else b"data:") + orjson.dumps(value))
        else:
            dumped = orjson.dumps(value, option=orjson.OPT_INDENT_2)
            lines += [b"data: " + part for part in dumped.split(b"\n")]
        if draw(st.booleans()):
            lines.append(b"")
    return b"".join(line + draw(ENDS) for line in lines), values


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(marks)]


def read(parser: SseParser, chunks: list[bytes]) -> list[Any]:
    return [value for chunk in chunks for value in parser.feed(chunk)] + parser.close()


@given(streams(), st.lists(st.integers(0, 10_000), max_size=30))
def test_any_stream_cut_anywhere_gives_its_objects(stream: tuple[bytes, list[Any]], places: list[int]) -> None:
    data, values = stream
    assert read(SseParser(), cut(data, places)) == values


@given(streams())
def test_byte_by_byte_too(stream: tuple[bytes, list[Any]]) -> None:
    data, values = stream
    assert read(SseParser(), [data[i : i + 1] for i in range(len(data))]) == values


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=10))
def test_garbage_is_read_the_same_however_it_is_cut(data: bytes, places: list[int]) -> None:
    def outcome(chunks: list[bytes]) -> tuple[list[Any], bool, bool]:
        parser, found = SseParser(), []
        try:
            for chunk in chunks:
                found += parser.feed(chunk)
            found += parser.close()
        except BadStream:
            return [], parser.ended, True
        return found, parser.ended, False

    assert outcome([data]) == outcome(cut(data, places))


def test_done_ends_the_stream() -> None:
    parser = SseParser()
    assert parser.feed(b'data: {"a":1}\n\ndata: [DONE]\n\ndata: {"a":2}\n\n') == [{"a": 1}]
    assert parser.ended


def test_the_last_line_may_lack_its_end() -> None:
    parser = SseParser()
    assert parser.feed(b'data:{"a":1}') == []
    assert parser.close() == [{"a": 1}]


def test_a_bare_json_line_is_read_as_data() -> None:
    assert SseParser().feed(b'{"error":{"message":"no"}}\n') == [{"error": {"message": "no"}}]


@pytest.mark.parametrize("data", [b"data: not json\n\n", b'data: {"a":\n\n', b"data: \xff\xfe}\n\n"])
def test_an_event_that_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(BadStream, match="not JSON"):
        SseParser().feed(data)


def test_a_stream_that_ends_within_an_event_is_refused() -> None:
    parser = SseParser()
    parser.feed(b'data: {"a":')
    with pytest.raises(BadStream):
        parser.close()


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    parser = SseParser()
    chunk = b"x" * (1 << 16)
    with pytest.raises(BadStream, match="8 MiB"):  # noqa: PT012  # which of them it is does not matter
        for _ in range(10 << 4):
            parser.feed(chunk)
    assert parser._part_bytes <= LINE_BYTES + len(chunk)


def test_an_event_of_endless_lines_is_refused() -> None:
    parser = SseParser()
    with pytest.raises(BadStream, match="too long"):  # noqa: PT012  # the same
        for _ in range(1000):
            parser.feed(b"data: {\n")
