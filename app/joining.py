"""Adjacent text deltas of one message, replayed as one event. No I/O.

Who was away for 500 tokens needs their text, not 500 events. Only neighbours in a reader's own order are joined, and
the joined event has the position of the last: a client that is cut off before it resumes before all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from streams.entry import Entry

JOINED_BYTES = 1 << 16
"""A joined event ends at so much text, as JSON writes it."""

_PLAIN = ("chat:message:delta", "message")
_RESPONSE = "response:completion"
_RESPONSE_DELTAS = ("response.output_text.delta", "response.reasoning_text.delta")


@dataclass(slots=True)
class _Run:
    """Neighbours that are one delta. frame: what all of them say beside their text. texts: as JSON, without quotes.

    head, tail: what stands before and behind the text in all of them, byte for byte, or b"" where that is not plain.
    """

    entry: Entry
    body: dict[str, Any]
    field: str
    frame: tuple[Any, ...]
    texts: list[bytes]
    size: int
    head: bytes
    tail: bytes

    def takes(self, entry: Entry) -> bool:
        """Put an event behind this one that differs in a plain text alone; False when that is not plain to see.

        Between two equal ends, bytes without quote and backslash can be nothing but the text.
        """
        head, tail, data = self.head, self.tail, entry.data
        if not head or not data.startswith(head) or not data.endswith(tail) or not _is_said(entry):
            return False
        text = data[len(head) : -len(tail)]
        if b'"' in text or b"\\" in text or len(data) < len(head) + len(tail) or entry.room != self.entry.room:
            return False
        return self._add(entry, (text,), len(text))

    def take(self, other: _Run) -> bool:
        """Put another delta behind this one; False when it is not its like, or there is too much."""
        return self.frame == other.frame and self._add(other.entry, other.texts, other.size)

    def _add(self, entry: Entry, texts: Iterable[bytes], size: int) -> bool:
        if self.size + size > JOINED_BYTES:
            return False
        self.entry, self.size = entry, self.size + size
        self.texts += texts
        return True

    def whole(self) -> Entry:
        if len(self.texts) == 1:
            return self.entry
        text = b"".join(self.texts)
        if self.head:
            return self.entry._replace(data=self.head + text + self.tail)
        self.body["data"]["data"][self.field] = orjson.Fragment(b'"%b"' % text)
        return self.entry._replace(data=orjson.dumps(self.body))


def joined(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same events with fewer entries. What every one of them is for is the same reader: `skip` is not looked at."""
    run: _Run | None = None
    for entry in entries:
        if run is not None and run.takes(entry):
            continue
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


def _is_said(entry: Entry) -> bool:
    return entry.event == "events" and not entry.binary


def _delta(entry: Entry) -> _Run | None:
    if not _is_said(entry) or (b"delta" not in entry.data and b'"message"' not in entry.data):
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
    raw = orjson.dumps(text)[1:-1]
    return _Run(entry, body, field, frame, [raw], len(raw), *_ends(entry.data, field, raw))


def _ends(data: bytes, field: str, text: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind the text. Nothing where it is written another way, or might be another field's."""
    name = b'"%b":"' % field.encode()
    begin = data.find(name) + len(name)
    if data.count(name) != 1 or not data.startswith(text + b'"', begin):
        return b"", b""
    return data[:begin], data[begin + len(text) :]


def _is_response(kind: Any, inner: Any) -> bool:
    return kind == _RESPONSE and inner["type"] in _RESPONSE_DELTAS
