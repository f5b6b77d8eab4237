"""Afterthoughts: what is asked for, and what is understood of an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completions.afterthoughts import (
    ALL,
    FOLLOW_UPS,
    ITEMS,
    TAGS,
    TITLE,
    TITLE_CHARS,
    TOLD_CHARS,
    Unreadable,
    asked_in,
    read,
    request_for,
    wanted,
)

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": [{"type": "text", "text": "x" * 9000}, {"type": "image_url"}]},
]


def test_only_what_the_page_asks_for_is_wanted() -> None:
    asked = {"title_generation": True, "tags_generation": False, "follow_up_generation": "yes", "other": True}
    assert wanted(asked) == [TITLE]
    assert wanted(None) == wanted({}) == []


def test_a_request_tells_the_conversation_in_short_and_is_known_again() -> None:
    for thought in ALL:
        request = request_for(thought, "m", MESSAGES * 20, "the answer")
        assert (request["model"], request["stream"]) == ("m", False)
        told = request["messages"][1]["content"]
        assert told.endswith("ASSISTANT: the answer")
        assert told.count("USER: ") == 5
        assert len(told) < 6 * (TOLD_CHARS + 20)
        assert "be kind" not in told
        assert asked_in(request) is thought
    assert asked_in({"messages": MESSAGES}) is None


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('{"title": "Fish"}', "Fish"),
        ('```json\n{ "title": "Fish" }\n```', "Fish"),
        ('Sure! Here it is: {"title": "\\"Fish\\"\\n and more"} I hope that it helps. {}', 'Fish" and more'),
        ('<think>{"title": "no"} or {broken</think>{"title": "Fish"}', "Fish"),
        ('{"title": "' + "x" * 999 + '"}', "x" * TITLE_CHARS),
        ("{[" * 4000 + '{"title": "Fish"}', "Fish"),
        ('{"title": "half a character \\ud83d"}', "half a character \ufffd"),
    ],
)
def test_a_title_is_found_whatever_stands_around_it(answer: str, found: str) -> None:
    assert read(TITLE, answer) == found


def test_lists_are_cleaned() -> None:
    assert read(TAGS, '{"tags": ["a", " a ", "", 7, null, "b  c"]}') == ["a", "b c"]
    assert len(read(FOLLOW_UPS, '{"follow_ups": ' + str([str(n) for n in range(99)]).replace("'", '"') + "}")) == ITEMS


@pytest.mark.parametrize(
    ("thought", "answer"),
    [
        (TITLE, ""),
        (TITLE, "Fish"),
        (TITLE, '{"titles": "x"}'),
        (TITLE, '{"title": ""}'),
        (TITLE, '{"title": ["x"]}'),
        (TITLE, '{"title": "cut of'),
        (TAGS, '{"tags": "a, b"}'),
        (TAGS, '{"tags": []}'),
        (FOLLOW_UPS, '{"a": ' * 4000),
        (FOLLOW_UPS, '{"a": ' + "[" * 16_000),
    ],
)
def test_what_says_nothing_is_unreadable(thought: Any, answer: str) -> None:
    with pytest.raises(Unreadable):
        read(thought, answer)


@given(st.text())
def test_no_answer_raises_anything_else(answer: str) -> None:
    for thought in ALL:
        try:
            read(thought, answer + "{" + answer)
        except Unreadable:
            continue
