"""Server-Sent Events as OpenAI-compatible providers send them, read from bytes that are cut anywhere. No I/O.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html, with what providers make of it: `data:` without
a space, events without the blank line between them, comments to keep the link up, a bare JSON line for an error.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

LINE_BYTES = 8 << 20
"""Most bytes of a line, and of an event: an image in a delta fits; a stream without newlines fills no memory."""

EVENT_LINES = 100

_BREAK = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class BadStream(Exception):
    """What the provider sent is no completion. One line that says why, without the content."""


def read_json(data: bytes) -> Any:
    """The JSON value. Half a character, which a provider that cuts between surrogates sends, stays what it is.

    Raises ValueError.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"\\ud" not in data.lower():
            raise
        return json.loads(data)


class SseParser:
    """Turns a stream's bytes into the JSON objects of its `data`. The result does not depend on how it was cut.

    ended: `[DONE]` was seen; what follows it is ignored.
    """

    def __init__(self) -> None:
        self.ended = False
        self._part: list[bytes] = []
        self._part_bytes = 0
        self._after_cr = False
        self._fresh = True
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """The objects that these bytes complete. Raises BadStream; the parser must not be used after that."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        first, *rest = _BREAK.split(chunk)
        self._grow(first)
        found: list[dict[str, Any]] = []
        for part in rest:
            found += self._line(self._take_line())
            self._grow(part)
        return found

    def close(self) -> list[dict[str, Any]]:
        """The stream is over: the objects of its last line. Raises BadStream when it ends within an event."""
        found = self._line(self._take_line())
        self._end_event()
        return found

    def _grow(self, part: bytes) -> None:
        self._part.append(part)
        self._part_bytes += len(part)
        if self._part_bytes > LINE_BYTES:
            raise BadStream(f"it has a line of more than {LINE_BYTES >> 20} MiB")

    def _take_line(self) -> bytes:
        line = b"".join(self._part)
        self._part, self._part_bytes = [], 0
        if self._fresh:
            line, self._fresh = line.removeprefix(_BOM), False
        return line

    def _line(self, line: bytes) -> list[dict[str, Any]]:
        if self.ended:
            return []
        if not line:
            self._end_event()
            return []
        name, _, value = line.partition(b":")
        if name == b"data":
            return self._datum(value.removeprefix(b" "))
        if line.startswith(b"{"):
            return self._datum(line)
        return []  # a comment, or a field that means nothing here

    def _datum(self, value: bytes) -> list[dict[str, Any]]:
        """One more line of data. An object is complete as soon as it can be read: not all send the blank line."""
        self._data.append(value)
        self._data_bytes += len(value)
        if len(self._data) > EVENT_LINES or self._data_bytes > LINE_BYTES:
            raise BadStream("it has an event that is too long")
        whole = b"\n".join(self._data).strip()
        if whole in (b"", b"[DONE]"):
            self.ended = whole != b""
        elif not whole.endswith(b"}"):
            return []
        else:
            try:
                value_read = read_json(whole)
            except ValueError:
                return []  # the rest may be on the next line; if it is not, the event's end says so
            self._data, self._data_bytes = [], 0
            return [value_read] if isinstance(value_read, dict) else []
        self._data, self._data_bytes = [], 0
        return []

    def _end_event(self) -> None:
        if self._data:
            raise BadStream("it has an event that is not JSON")
