"""What a provider's answer is made of, whichever way it came. No I/O.

Formats: https://platform.openai.com/docs/api-reference/chat/streaming, and the reasoning fields of those who follow it
(`reasoning_content`: DeepSeek, vLLM; `reasoning`: OpenRouter, Ollama).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias


class ProviderError(Exception):
    """The provider gave no answer, or not all of it. The text is for the user who asked."""

    quotes_data = True  # providers quote what they were sent


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A part of a call: id and name come with its first part, the arguments grow. index: which of the calls."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Usage:
    usage: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finish:
    reason: str


Piece: TypeAlias = Text | Reasoning | ToolCall | Usage | Finish


def pieces_of(value: dict[str, Any]) -> Iterator[Piece]:
    """The pieces of one chunk, or of a whole completion. Raises ProviderError for an error object."""
    if value.get("error"):
        raise ProviderError(f"The provider reports an error: {error_text(value)}")
    choices = value.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            yield from _choice(choice)
    if isinstance(value.get("usage"), dict):
        yield Usage(value["usage"])


def _choice(choice: dict[str, Any]) -> Iterator[Piece]:
    said = choice.get("delta") or choice.get("message")
    if isinstance(said, dict):
        reasoning = said.get("reasoning_content") or said.get("reasoning")
        if isinstance(reasoning, str) and reasoning:
            yield Reasoning(reasoning)
        if text := text_of(said.get("content")) or text_of(said.get("refusal")):
            yield Text(text)
        calls = said.get("tool_calls")
        for number, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                yield _call(call, number)
    if isinstance(choice.get("finish_reason"), str):
        yield Finish(choice["finish_reason"])


def text_of(content: object) -> str:
    """The text of a message's content, which is a text, or a list of parts of which some are texts."""
    if isinstance(content, list):
        return "".join(text_of(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _call(call: dict[str, Any], number: int) -> ToolCall:
    function = call.get("function")
    named = function if isinstance(function, dict) else {}
    index = call.get("index")
    return ToolCall(
        index if isinstance(index, int) else number, _str(call, "id"), _str(named, "name"), _str(named, "arguments")
    )


def _str(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def error_text(value: object, limit: int = 500) -> str:
    """What an error object says, in one line; "" when it says nothing."""
    for _ in range(4):
        if not isinstance(value, dict):
            break
        value = next((value[name] for name in ("error", "message", "detail", "code") if value.get(name)), "")
    return " ".join(sound(str(value)).split())[:limit] if isinstance(value, str | int) else ""


def sound(text: str) -> str:
    """The text with the halves of characters put together, and U+FFFD for those that have no other half."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same with neighbours of one kind made one: a delta each for what came together."""
    last: Piece | None = None
    for piece in pieces:
        both = _both(last, piece) if last is not None else None
        if both is None and last is not None:
            yield last
        last = both or piece
    if last is not None:
        yield last


def _both(one: Piece, two: Piece) -> Piece | None:
    match one, two:
        case Text(), Text():
            return Text(one.text + two.text)
        case Reasoning(), Reasoning():
            return Reasoning(one.text + two.text)
        case ToolCall(), ToolCall() if one.index == two.index and not two.id:
            return replace(one, name=one.name or two.name, arguments=one.arguments + two.arguments)
    return None
