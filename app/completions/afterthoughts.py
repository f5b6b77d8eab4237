"""Afterthoughts: a chat's title and tags, and questions to go on with, asked of the provider behind an answer. No I/O.

Names and shapes are those of Open WebUI's page: what it sends as `background_tasks`, and the events that it expects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.completions.pieces import sound, text_of

ANSWER_CHARS = 16_000
"""Most characters of an answer that are read: what is looked for takes a few hundred."""

TOLD_MESSAGES = 6
TOLD_CHARS = 2_000
"""How much of the conversation the provider is told again: so many messages, so much of each."""

OPENINGS = 200
"""Braces and brackets, from the last one back, among which an answer is looked for: deeper JSON nests nobody."""

TITLE_CHARS = 200
ITEM_CHARS = 300
ITEMS = 5


class Unreadable(Exception):
    """The provider's answer holds no such thing. One line that says so, without the answer."""


@dataclass(frozen=True, slots=True)
class Afterthought:
    """asked: its name in `background_tasks`. field: of the JSON answer. event: the type that tells it, with `told` of
    it as data. instruction: what the provider is to do."""

    asked: str
    field: str
    event: str
    instruction: str
    read: Callable[[Any], Any]
    told: Callable[[Any], Any]

    @property
    def prompt(self) -> str:
        return f"{self.instruction} Write in the conversation's language. Answer with JSON only."


def _title(value: Any) -> str:
    found = " ".join(sound(value).split()).strip("\"'") if isinstance(value, str) else ""
    if not found:
        raise Unreadable("its title is no text")
    return found[:TITLE_CHARS]


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else []
    found = [" ".join(sound(item).split())[:ITEM_CHARS] for item in listed if isinstance(item, str)]
    found = list(dict.fromkeys(item for item in found if item))[:ITEMS]
    if not found:
        raise Unreadable("its list has no texts")
    return found


FOLLOW_UPS = Afterthought(
    "follow_up_generation",
    "follow_ups",
    "chat:message:follow_ups",
    'Suggest 3 short questions that the user may want to ask next: {"follow_ups": ["...", "...", "..."]}.',
    _texts,
    lambda found: {"follow_ups": found},
)
TITLE = Afterthought(
    "title_generation",
    "title",
    "chat:title",
    'Give this conversation a title of 3 to 5 words: {"title": "..."}.',
    _title,
    lambda found: found,
)
TAGS = Afterthought(
    "tags_generation",
    "tags",
    "chat:tags",
    'Name 1 to 3 broad topics of this conversation, a word or two each: {"tags": ["...", "..."]}.',
    _texts,
    lambda found: found,
)
ALL = (FOLLOW_UPS, TITLE, TAGS)


def wanted(background_tasks: Mapping[str, Any] | None) -> list[Afterthought]:
    """What a request asks for."""
    return [thought for thought in ALL if (background_tasks or {}).get(thought.asked) is True]


def request_for(thought: Afterthought, model: str, messages: Sequence[Mapping[str, Any]], answer: str) -> Any:
    """The request that has an afterthought made: OpenAI's, not streamed."""
    said = [m for m in messages if m.get("role") in ("user", "assistant")]
    lines = [f"{m['role'].upper()}: {text_of(m.get('content'))[:TOLD_CHARS]}" for m in said[1 - TOLD_MESSAGES :]]
    told = "\n".join([*lines, f"ASSISTANT: {answer[:TOLD_CHARS]}"])
    asked = [{"role": "system", "content": thought.prompt}, {"role": "user", "content": told}]
    return {"model": model, "messages": asked, "stream": False}


def asked_in(request: Mapping[str, Any]) -> Afterthought | None:
    """The afterthought that a request is for, if it is `request_for` one."""
    first = request["messages"][0].get("content")
    return next((thought for thought in ALL if thought.prompt == first), None)


def read(thought: Afterthought, answer: str) -> Any:
    """What an answer says: the last JSON object in it that has the field, whatever stands around it (a fence of code,
    reasoning, a greeting). Raises Unreadable."""
    answer = _tail(answer)
    decoder, found, place = json.JSONDecoder(), None, answer.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(answer, place)
        except ValueError:
            end = place + 1
        else:
            found = value if thought.field in value else found
        place = answer.find("{", end)
    if found is None:
        raise Unreadable(f'it has no JSON object with "{thought.field}"')
    return thought.read(found[thought.field])


def _tail(answer: str) -> str:
    openings = [place for place, char in enumerate(answer) if char in "{["]
    return answer[openings[-OPENINGS] :] if len(openings) > OPENINGS else answer
