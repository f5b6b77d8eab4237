"""Reading bytes as lib0 writes them (https://github.com/dmonad/lib0, encoding.js)."""

from __future__ import annotations

from archive.yjs.errors import Malformed

CLOCK_END = 1 << 31
"""Clocks and lengths lie below. yrs counts them in 32 bits and dies where they wrap."""

CLIENT_END = 1 << 53
"""Client ids lie below: JavaScript's safe integers."""

_SHIFT_END = 56  # eight groups of seven bits hold 53


class Cursor:
    """A place in some bytes. Past the end `byte`, `uint` and what builds on them raise IndexError."""

    __slots__ = ("at", "client_bytes", "client_id", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.client_id, self.client_bytes = 0, b"\0"  # the last one read: most structs of an update name the same

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def byte(self) -> int:
        """The next byte."""
        value = self.data[self.at]
        self.at += 1
        return value

    def uint(self) -> int:
        """The next variable-length unsigned integer (varUint: seven bits a byte, lowest first)."""
        at = self.at
        byte = self.data[at]
        if byte < 0x80:
            self.at = at + 1
            return byte
        data, value, shift = self.data, byte & 0x7F, 7
        while True:
            at += 1
            byte = data[at]
            if byte < 0x80:
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift >= _SHIFT_END:
                raise Malformed("an integer is too long")
        if not byte:
            raise Malformed("an integer is written longer than it is")
        self.at = at + 1
        return value | byte << shift

    def client(self) -> int:
        """The next integer, as a client's id."""
        at, data = self.at, self.data
        if data.startswith(self.client_bytes, at):
            self.at = at + len(self.client_bytes)
            return self.client_id
        value = self.uint()
        if value >= CLIENT_END:
            raise Malformed("a client's id is too large")
        self.client_id, self.client_bytes = value, data[at : self.at]
        return value

    def clock(self) -> int:
        """The next integer, as a clock or a length of structs."""
        at = self.at
        value = self.data[at]
        if value < 0x80:
            self.at = at + 1
            return value
        value = self.uint()
        if value >= CLOCK_END:
            raise Malformed("a clock is too large")
        return value

    def count(self, bytes_each: int) -> int:
        """The next integer, as the number of things of at least so many bytes that follow."""
        value = self.uint()
        if value * bytes_each > self.left:
            raise Malformed("it claims more than it holds")
        return value

    def blob(self) -> bytes:
        """The next bytes, with their number in front of them."""
        size = self.uint()
        end = self.at + size
        if end > len(self.data):
            raise Malformed("it ends too early")
        value = self.data[self.at : end]
        self.at = end
        return value

    def text(self) -> str:
        """The next string: UTF-8 with the number of bytes in front."""
        try:
            return self.blob().decode()
        except UnicodeDecodeError as fault:
            raise Malformed("a text is not UTF-8") from fault

    def skip(self, size: int) -> None:
        """Pass over so many bytes."""
        if size > self.left:
            raise Malformed("it ends too early")
        self.at += size

    def end(self) -> None:
        """Raises Malformed unless everything is read."""
        if self.left:
            raise Malformed("bytes follow its end")


def write_uint(value: int) -> bytes:
    """An integer as `Cursor.uint` reads it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
