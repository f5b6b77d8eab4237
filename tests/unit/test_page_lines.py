"""Lines as a page sends them: put together again however they were cut, and never with a hole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.completions.page_lines import PageLines
from app.completions.sse import BadStream

VALUES: list[dict[str, Any]] = [{"a": "é data: {x}"}, {"b": [1, {"c": ": "}]}, {"d": "[DONE]"}]
STREAM = "".join(f"data: {text}\n\n" for text in ('{"a": "é data: {x}"}', '{"b": [1, {"c": ": "}]}', '{"d": "[DONE]"}'))


def as_sent(*chunks: str) -> list[str]:
    """The lines that the stock page makes of these chunks."""
    return [line for chunk in chunks for line in chunk.split("\n") if line.strip()]


def read(lines: list[str]) -> tuple[list[dict[str, Any]], bool]:
    parser = PageLines()
    found = [value for line in lines for value in parser.feed(line)]
    parser.close()
    return found, parser.ended


@given(st.lists(st.integers(0, len(STREAM) + 14), max_size=8))
def test_wherever_the_stream_was_cut(places: list[int]) -> None:
    stream = STREAM + "data: [DONE]\n\n"
    chunks = [stream[one:two] for one, two in pairwise([0, *sorted(places), len(stream)])]
    assume(" " not in chunks)  # such a chunk the page does not pass on, and nothing tells
    assert read(as_sent(*chunks)) == (VALUES, True)


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        (["data: {}"], [{}]),
        (["data:{}", "data:", "data: {}"], [{}, {}]),
        ([": ping", "event: x", "id: 1", "retry: 5", "data: {}"], [{}]),
        ([": pi", "ng", "data: {}"], [{}]),
        (['{"error":', '  {"message": "no"}', "}"], [{"error": {"message": "no"}}]),
        (["data: 7", "data: {}"], [{}]),
        (["data: {}\r", "data: [DONE]\r", "what follows is ignored"], [{}]),
    ],
)
def test_what_providers_send(lines: list[str], values: list[Any]) -> None:
    assert read(lines)[0] == values


@pytest.mark.parametrize(
    "lines",
    [
        ['data: {"a": "be', 'data: {"b": 1}'],
        ['gun"}', 'data: {"b": 1}'],
        ['data: {"b": 1}', 'gun"}'],
        ['data: {"a": "be', "data: [DONE]"],
        ['data: {"a": "be'],
    ],
)
def test_a_line_of_which_a_part_is_missing_is_found_out(lines: list[str]) -> None:
    with pytest.raises(BadStream):
        read(lines)
