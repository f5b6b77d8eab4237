"""The turn that an answer belongs to: what the chat lacks, and what the provider is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.completions.request import CompletionRequest
from app.completions.turn import turn_of
from app.payloads import BadPayload
from archive.chat import StoredChat, StoredMessage

PICTURE = {"type": "image", "url": "data:image/png;base64,AA"}


def chat(*messages: StoredMessage) -> StoredChat:
    return StoredChat("c", "alice", messages={message.id: message for message in messages})


def asked(**fields: Any) -> CompletionRequest:
    return CompletionRequest.model_validate({"model": "m", "chat_id": "c", "id": "m1"} | fields)


Q1 = StoredMessage("q1", 1, role="user", content="one?")
A1 = StoredMessage("a1", 2, "q1", content="one.")
OLD = chat(Q1, A1)
QUESTION = {"id": "q2", "role": "user", "content": "two?", "parentId": "a1", "childrenIds": ["m1"], "files": []}


def told(request: CompletionRequest) -> list[tuple[Any, Any]]:
    return [(message["role"], message["content"]) for message in request.messages]


@pytest.mark.parametrize("name", ["user_message", "parent_message"])
def test_a_question_that_the_chat_lacks_is_stored_and_told(name: str) -> None:
    turn = turn_of(OLD, "m1", asked(**{name: QUESTION}))
    assert turn.parent_id == "q2"
    assert turn.is_news
    assert turn.questions == {"q2": {name: value for name, value in QUESTION.items() if name != "files"}}
    assert told(turn.request) == [("user", "one?"), ("assistant", "one."), ("user", "two?")]
    assert name not in turn.request.for_provider()


def test_a_question_that_the_chat_has_is_not_stored_again() -> None:
    changed = {"id": "q1", "role": "user", "content": "another text"}
    turn = turn_of(OLD, "m1", asked(user_message=changed))
    assert (turn.questions, turn.parent_id, turn.is_news) == ({}, "q1", True)
    assert told(turn.request) == [("user", "one?")]


def test_instructions_alone_are_put_in_front_of_what_the_chat_says() -> None:
    system = {"role": "system", "content": "Be brief."}
    turn = turn_of(OLD, "m1", asked(parent_id="q1", messages=[system]))
    assert told(turn.request) == [("system", "Be brief."), ("user", "one?")]


def test_messages_that_are_sent_are_told_as_they_are() -> None:
    said = [{"role": "user", "content": "as sent", "name": "Al"}]
    turn = turn_of(OLD, "a1", asked(id="a1", parent_id="q1", messages=said))
    assert turn.request.messages == said
    assert not turn.is_news


def test_without_messages_an_answer_that_has_a_text_goes_on() -> None:
    turn = turn_of(OLD, "a1", asked(id="a1", parent_id="q1"))
    assert turn.request.goes_on
    assert told(turn.request) == [("user", "one?"), ("assistant", "one.")]


def test_pictures_of_a_question_are_told_and_other_files_are_not() -> None:
    files = [PICTURE, {"type": "file", "url": "https://x"}, {"type": "image", "url": "file-id"}, "x"]
    turn = turn_of(OLD, "m1", asked(user_message=QUESTION | {"files": files}))
    parts = [{"type": "text", "text": "two?"}, {"type": "image_url", "image_url": {"url": PICTURE["url"]}}]
    assert turn.request.messages[-1] == {"role": "user", "content": parts}


def test_a_chat_that_only_a_page_knows_gets_nothing_and_the_question_is_told() -> None:
    turn = turn_of(None, "m1", asked(user_message=QUESTION))
    assert (turn.questions, turn.is_news) == ({}, False)
    assert told(turn.request) == [("user", "two?")]


def test_a_circle_of_messages_ends() -> None:
    circle = chat(StoredMessage("x", 1, "y", "user", "x"), StoredMessage("y", 1, "x", "user", "y"))
    assert told(turn_of(circle, "m1", asked(parent_id="x")).request) == [("user", "y"), ("user", "x")]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"parent_id": "unknown"},
        {"messages": [{"role": "system", "content": "x"}]},
        {"user_message": {"id": "", "content": "no id"}},
        {"user_message": {"id": "a\x00b", "content": "no name"}},
        {"user_message": {"id": "q9", "role": "assistant", "content": "no question"}},
        {"user_message": QUESTION | {"content": 7}},
    ],
)
def test_nothing_to_tell_and_what_is_no_question_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BadPayload):
        turn_of(OLD, "m1", asked(**fields))


def test_of_several_models_only_the_one_that_is_the_browsers_own_is_asked_there() -> None:
    wanted = [{"model_id": name, "message_id": name} for name in ("own", "m")]
    item = {"id": "own", "direct": True}
    request = asked(model="own", session_id="s", model_item=item, message_ids=wanted)
    assert [answer.direct_model for answer in request.each()] == [item, None]


def test_answers_that_would_become_the_same_message_are_refused() -> None:
    wanted = [{"model_id": name, "message_id": "a"} for name in ("m", "n")]
    with pytest.raises(ValidationError, match="the same message"):
        asked(message_ids=wanted)
