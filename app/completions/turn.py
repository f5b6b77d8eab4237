"""The turn that an answer belongs to: its question, and what the provider is told. No I/O.

Pages differ in what they send. The older generation posts the chat first and sends all messages. The newer one may send
the question (`user_message`) along, to be stored with the answer, and leave the messages to the server, which has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.completions.request import CompletionRequest
from app.merging import said
from app.payloads import BadPayload
from archive.chat import StoredChat, StoredMessage
from archive.events import effect
from archive.shapes import BadShape, JsonObject

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """request: with the messages that the provider gets. parent_id: of the answer, None where nobody said.

    questions: what the chat lacks, by id, to be stored before the answer. is_news: pages do not know the answer yet.
    """

    request: CompletionRequest
    parent_id: str | None
    questions: JsonObject
    is_news: bool


def turn_of(chat: StoredChat | None, message_id: str, request: CompletionRequest) -> Turn:
    """The turn of a message. chat: None where only a page knows it.

    Raises BadPayload for a question that the fold could not read, and when there is nothing to tell the provider.
    """
    known: Mapping[str, StoredMessage] = {} if chat is None else chat.messages
    question = request.question
    question_id = question["id"] if question is not None else request.parent_id
    questions: JsonObject = {}
    if chat is not None and question is not None and question["id"] not in known:
        questions = {question["id"]: said(question) | {"childrenIds": [message_id]}}
    _check(questions)
    if not request.says_something:
        told = [*request.messages, *_told(known, message_id, question_id, question)]
        request = request.model_copy(update={"messages": told})
    if not request.says_something:
        raise BadPayload("messages: none is sent, and the chat has none that the answer follows")
    is_news = chat is not None and (bool(questions) or message_id not in known)
    return Turn(request, question_id, questions, is_news)


def _check(questions: JsonObject) -> None:
    try:
        effect("chat:messages", {"messages": questions})  # what the fold will make of it
    except BadShape as fault:
        raise BadPayload(f"user_message: {fault}") from fault


def _told(
    known: Mapping[str, StoredMessage], message_id: str, question_id: str | None, question: Message | None
) -> list[Message]:
    """The messages down to the question; down to the answer itself if that has a text, which then goes on."""
    answer = known.get(message_id)
    if answer is not None and answer.content:
        return [_plain(m.role, m.content, m.files) for m in _line(known, message_id)]
    if question is not None and question_id not in known:
        before = [_plain(m.role, m.content, m.files) for m in _line(known, question.get("parentId"))]
        return [*before, _plain("user", question.get("content"), question.get("files") or ())]
    return [_plain(m.role, m.content, m.files) for m in _line(known, question_id)]


def _line(known: Mapping[str, StoredMessage], last_id: Any) -> list[StoredMessage]:
    """A message and those that it follows, the first in front."""
    return list(_upwards(known, last_id))[::-1]


def _upwards(known: Mapping[str, StoredMessage], place: Any) -> Iterator[StoredMessage]:
    seen: set[str] = set()
    while isinstance(place, str) and place in known and place not in seen:
        seen.add(place)
        yield known[place]
        place = known[place].parent_id


def _plain(role: str, content: Any, files: Any) -> Message:
    """A message as providers take it: pages keep images beside the text."""
    pictures = [file["url"] for file in files if _is_picture(file)] if role == "user" else []
    if not pictures:
        return {"role": role, "content": content}
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return {"role": role, "content": [{"type": "text", "text": content}, *parts]}


def _is_picture(file: Any) -> bool:
    if not isinstance(file, dict) or not isinstance(file.get("url"), str):
        return False
    is_image = file.get("type") == "image" or str(file.get("content_type")).startswith("image/")
    return is_image and file["url"].startswith(("data:image/", "https://", "http://"))
