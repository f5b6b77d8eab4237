"""Adjacent text deltas of one message, replayed as one event. No I/O.

Who was away for 500 tokens needs their text, not 500 events. Only neighbours in a reader's own order are joined, and
the joined event has the position of the last: a client that is cut off before it resumes before all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from streams.entry import Entry

JOINED_CHARS = 1 << 16
"""A joined event ends at this many characters."""

_PLAIN = ("chat:message:delta", "message")
_RESPONSE = "response:completion"
_RESPONSE_DELTAS = ("response.output_text.delta", "response.reasoning_text.delta")


@dataclass(slots=True)
class _Run:
    """Neighbours that are one delta. frame: what all of them say beside their text."""

    entry: Entry
    body: dict[str, Any]
    field: str
    frame: tuple[Any, ...]
    texts: list[str]
    chars: int

    def take(self, other: _Run) -> bool:
        """Put another delta behind this one; False when it is not its like, or there is too much."""
        if self.frame != other.frame or self.chars + other.chars > JOINED_CHARS:
            return False
        self.entry, self.chars = other.entry, self.chars + other.chars
        self.texts += other.texts
        return True

    def whole(self) -> Entry:
        if len(self.texts) == 1:
            return self.entry
        self.body["data"]["data"][self.field] = "".join(self.texts)
        return replace(self.entry, data=orjson.dumps(self.body))


def joined(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same events with fewer entries. What every one of them is for is the same reader: `skip` is not looked at."""
    run: _Run | None = None
    for entry in entries:
        delta = _delta(entry)
        if run is not None and (delta is None or not run.take(delta)):
            yield run.whole()
            run = None
        if delta is None:
            yield entry
        else:
            run = run or delta
    if run is not None:
        yield run.whole()


def _delta(entry: Entry) -> _Run | None:
    if entry.event != "events" or (b"delta" not in entry.data and b'"message"' not in entry.data):
        return None
    try:
        body = orjson.loads(entry.data)
        said = body["data"]
        kind, inner = said["type"], said["data"]
        field = "content" if kind in _PLAIN else "delta" if _is_response(kind, inner) else ""
        text = inner[field]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if not isinstance(text, str) or not isinstance(inner, dict):
        return None
    rest = {name: value for name, value in inner.items() if name not in (field, "sequence_number")}
    frame = (entry.room, kind, rest, {**body, "data": {**said, "data": None}})
    return _Run(entry, body, field, frame, [text], len(text))


def _is_response(kind: Any, inner: Any) -> bool:
    return kind == _RESPONSE and inner["type"] in _RESPONSE_DELTAS
