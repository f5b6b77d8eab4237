"""How an answer is told: pieces of a provider become events of a message. No I/O.

Text goes out as `chat:message:delta`, which both generations of the page and any client know. Reasoning and calls of
tools go out as the stream events of OpenAI's Responses API (`response:completion`), and, at the end, as its items
(docs/decisions/0011).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.completions.pieces import Finish, Piece, ProviderError, Reasoning, Text, ToolCall, Usage, joined, sound

ANSWER_CHARS = 2_000_000
"""Most characters of one answer: what is kept of it in memory, and what its last event may repeat."""

Event: TypeAlias = tuple[str, dict[str, Any]]
"""Type and data of an `events` event."""


@dataclass(slots=True)
class _Item:
    """An item of the answer that grows. kind: reasoning, message or function_call.

    half: the first half of a character (a surrogate), until the second comes.
    """

    kind: str
    id: str
    index: int
    name: str = ""
    call_id: str = ""
    parts: list[str] = field(default_factory=list)
    half: str = ""
    done: bool = False

    def wire(self) -> dict[str, Any]:
        text = "".join(self.parts)
        status = "completed" if self.done else "in_progress"
        head = {"type": self.kind, "id": self.id, "status": status}
        if self.kind == "function_call":
            return head | {"call_id": self.call_id, "name": self.name, "arguments": text}
        if self.kind == "reasoning":
            return head | {"summary": [], "content": [{"type": "reasoning_text", "text": text}] if text else []}
        return head | {"role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}


class Output:
    """One answer as it grows. name: what its items' ids begin with, another for every run."""

    def __init__(self, name: str) -> None:
        self.usage: dict[str, Any] | None = None
        self.finish = ""
        self._name = name
        self._items: list[_Item] = []
        self._calls: dict[int, _Item] = {}
        self._chars = 0

    def take(self, pieces: Sequence[Piece]) -> list[Event]:
        """The events that tell these pieces. Raises ProviderError when the answer is too long."""
        events: list[Event] = []
        for piece in joined(pieces):
            events += self._take(piece)
        return events

    def end(self) -> list[Event]:
        """The events that end what is open."""
        return self._close(item for item in self._items if not item.done)

    def items(self) -> list[dict[str, Any]] | None:
        """The whole answer as items; None when it is text only, which the deltas have told."""
        told = all(item.kind == "message" for item in self._items)
        return None if told else [item.wire() for item in self._items]

    def text(self, kind: str) -> str:
        """All text of the items of a kind."""
        return "".join(part for item in self._items if item.kind == kind for part in item.parts)

    def calls(self) -> list[dict[str, Any]]:
        """The calls of tools, as a whole completion has them."""
        return [
            {"id": c.call_id, "type": "function", "function": {"name": c.name, "arguments": "".join(c.parts)}}
            for c in self._calls.values()
        ]

    def _take(self, piece: Piece) -> list[Event]:
        match piece:
            case Text():
                item, events = self._current("message")
                text = self._grow(item, piece.text)
                return [*events, ("chat:message:delta", {"content": text})] if text else events
            case Reasoning():
                item, events = self._current("reasoning")
                text = self._grow(item, piece.text)
                return [*events, _delta("response.reasoning_text.delta", item, text, content_index=0)]
            case ToolCall():
                return self._call(piece)
            case Usage():
                self.usage = piece.usage
            case Finish():
                self.finish = piece.reason or self.finish
        return []

    def _call(self, piece: ToolCall) -> list[Event]:
        events: list[Event] = []
        item = self._calls.get(piece.index)
        if item is None:
            events = self._close(item for item in self._items if not item.done and item.kind != "function_call")
            item = self._open("function_call", piece.name, piece.id)
            self._calls[piece.index] = item
            events.append(_added(item))
        if piece.arguments:
            arguments = self._grow(item, piece.arguments)
            events.append(_delta("response.function_call_arguments.delta", item, arguments))
        return events

    def _current(self, kind: str) -> tuple[_Item, list[Event]]:
        """The last item, if it is of this kind and goes on; else a new one, and the events of the change."""
        last = self._items[-1] if self._items else None
        if last is not None and last.kind == kind and not last.done:
            return last, []
        events = self.end()
        item = self._open(kind)
        return item, events if kind == "message" else [*events, _added(item)]

    def _open(self, kind: str, name: str = "", call_id: str = "") -> _Item:
        index = len(self._items)
        item = _Item(kind, f"{self._name}-{index}", index, name, call_id)
        self._items.append(item)
        return item

    def _close(self, items: Iterable[_Item]) -> list[Event]:
        events: list[Event] = []
        for item in items:
            item.done = True
            if item.kind != "message":
                done = {"type": "response.output_item.done", "output_index": item.index, "item": item.wire()}
                events.append(("response:completion", done))
        return events

    def _grow(self, item: _Item, text: str) -> str:
        """Add text to an item; returns what of it is whole characters."""
        text, item.half = item.half + text, ""
        if "\ud800" <= text[-1:] <= "\udbff":
            text, item.half = text[:-1], text[-1]
        text = sound(text)
        self._chars += len(text)
        if self._chars > ANSWER_CHARS:
            raise ProviderError(f"The answer was ended: it has more than {ANSWER_CHARS:,} characters.")
        item.parts.append(text)
        return text


def _added(item: _Item) -> Event:
    body = {"type": "response.output_item.added", "output_index": item.index, "item": item.wire()}
    return "response:completion", body


def _delta(kind: str, item: _Item, text: str, **more: int) -> Event:
    return "response:completion", {"type": kind, "item_id": item.id, "output_index": item.index, "delta": text, **more}
