"""Merging a page's history: nothing newer is lost, what is the page's own is kept."""

from __future__ import annotations

from typing import Any

import pytest

from app.merging import Merge, merge
from archive.chat import StoredChat, StoredMessage

ANSWER = StoredMessage(
    "a",
    2,
    "q",
    content="Hello world",
    status_history=({"description": "searched"},),
    sources=({"source": {"name": "book"}},),
    follow_ups=("And?",),
    done=True,
    extra={"rating": 1},
)
CHAT = StoredChat(
    "c", "u", "Title", messages={"q": StoredMessage("q", 1, role="user", content="Hi"), "a": ANSWER}, current_id="a"
)


def changed(message_id: str, **sent: Any) -> Any:
    found = merge(CHAT, None, {message_id: sent}, None)
    news: Any = found.changed.get(message_id, {})
    return {**news, "content": found.texts[message_id]} if message_id in found.texts else news or None


@pytest.mark.parametrize(
    "stale",
    [
        {"content": "Hello"},
        {"content": ""},
        {"statusHistory": []},
        {"sources": [], "files": [], "embeds": [], "output": []},
        {"followUps": [], "done": False},
        {"content": "Hello", "done": True},
        {"content": "edited", "originalContent": "Hello wor"},
        {"role": "user", "timestamp": 9, "childrenIds": ["x"]},
    ],
)
def test_what_a_page_missed_is_not_overwritten_by_what_it_has(stale: dict[str, Any]) -> None:
    assert changed("a", **stale) in (None, {"originalContent": "Hello wor"})


def test_an_edit_of_the_whole_answer_is_taken() -> None:
    sent = {"content": "edited", "originalContent": "Hello world"}
    assert changed("a", **sent) == sent


def test_a_users_own_message_and_fields_that_no_event_fills_are_taken() -> None:
    assert changed("q", content="Hi!", files=[{"id": "f"}]) == {"content": "Hi!", "files": [{"id": "f"}]}
    assert changed("a", rating=-1, favorite=True, content="Hello") == {"rating": -1, "favorite": True}
    assert changed("a", rating=1) is None


def test_a_text_that_only_the_page_has_is_taken_when_it_has_ended() -> None:
    empty = StoredChat("c", "u", messages={"a": StoredMessage("a", 1)})
    found = merge(empty, None, {"a": {"content": "x", "done": True}}, None)
    assert (found.texts, found.changed) == ({"a": "x"}, {"a": {"done": True}})
    assert merge(empty, None, {"a": {"content": "x", "done": False}}, None) == Merge()


def test_new_messages_come_whole_but_without_empty_text_that_would_fall_over_a_beginning_answer() -> None:
    found = merge(CHAT, "Title", {"n": {"role": "assistant", "content": "", "sources": [], "parentId": "a"}}, "n")
    assert (found.title, found.changed, found.current_id) == (None, {}, "n")
    assert found.fresh == {"n": {"role": "assistant", "parentId": "a"}}


def test_a_place_in_the_tree_that_nobody_knows_is_not_taken() -> None:
    assert merge(CHAT, "New", {}, "nowhere").current_id is None
    assert merge(CHAT, "New", {}, "q").current_id == "q"
    assert merge(CHAT, "New", {}, None).title == "New"
