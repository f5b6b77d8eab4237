"""Text that PostgreSQL can hold: what it cannot becomes U+FFFD."""

from __future__ import annotations

import re

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def storable(text: str) -> str:
    """The text without NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def storable_json(data: bytes) -> bytes:
    """The JSON without escaped NUL."""
    return _NUL.sub(rb"\1\\ufffd", data) if rb"\u0000" in data else data
