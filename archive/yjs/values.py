"""The JSON-like values inside an update: lib0's `Any` (encoding.js, writeAny), and JSON as text. Walked, not kept."""

from __future__ import annotations

import orjson

from archive.yjs.cursor import Cursor
from archive.yjs.errors import Malformed
from archive.yjs.limits import Limits

_BUFFER, _ARRAY, _OBJECT, _TEXT = 116, 117, 118, 119
_INTEGER = 125
_SIZES = {120: 0, 121: 0, 122: 8, 123: 8, 124: 4, 126: 0, 127: 0}
"""Bytes after the tag: true, false, 64-bit integer, 64- and 32-bit float, null, undefined."""
_JSON_INTEGER_END = 1 << 63  # from there to 2⁶⁴ yrs fails; what is larger still, both read as a float


class Values:
    """Counts the values that it walks over, and their deepest level. Raises Malformed and OverLimit."""

    __slots__ = ("count", "deepest", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.count = 0
        self.deepest = 0

    def run(self, cursor: Cursor) -> int:
        """Walk over a number and so many values; returns the number."""
        length = cursor.count(1)
        for _ in range(length):
            self.value(cursor, 1)
        return length

    def value(self, cursor: Cursor, level: int = 1) -> int:
        """Walk over one value, `level` deep; returns its tag."""
        self._count(level)
        tag = cursor.byte()
        if tag == _TEXT:
            cursor.text()
        elif (size := _SIZES.get(tag)) is not None:
            cursor.skip(size)
        elif tag == _INTEGER:
            _integer(cursor)
        elif tag == _ARRAY:
            for _ in range(cursor.count(1)):
                self.value(cursor, level + 1)
        elif tag == _OBJECT:
            self._object(cursor, level)
        elif tag == _BUFFER:
            cursor.blob()
        else:
            raise Malformed("a value of an unknown kind")
        return tag

    def options(self, cursor: Cursor) -> None:
        """Walk over the options of a subdocument: an object."""
        if self.value(cursor) != _OBJECT:
            raise Malformed("the options of a subdocument are no object")

    def json(self, cursor: Cursor) -> None:
        """Walk over a value that is written as JSON in a string."""
        text = cursor.blob()
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as fault:
            raise Malformed("a value is not JSON") from fault
        self._walk(value, 1)

    def _object(self, cursor: Cursor, level: int) -> None:
        for _ in range(cursor.count(2)):
            cursor.text()
            self.value(cursor, level + 1)

    def _walk(self, value: object, level: int) -> None:
        self._count(level)
        if isinstance(value, int) and value >= _JSON_INTEGER_END:
            raise Malformed("an integer is too long")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for each in inner:
            self._walk(each, level + 1)

    def _count(self, level: int) -> None:
        self.count += 1
        if self.count > self.limits.values:
            self.limits.check("values", self.count)
        if level > self.deepest:
            self.limits.check("depth", level)
            self.deepest = level


def _integer(cursor: Cursor) -> None:
    """varInt: the first byte holds the sign and six bits, the others seven. At most 53 bits are safe in JavaScript."""
    byte = cursor.byte()
    if byte >= 0x80 and cursor.uint() >= 1 << 47:
        raise Malformed("an integer is too long")
