"""permessage-deflate, as much of it as a client needs that itself sends nothing compressed (RFC 7692, 7.2.2)."""

from __future__ import annotations

import zlib

EXTENSIONS = "Sec-WebSocket-Extensions"
TAIL = b"\x00\x00\xff\xff"


class Inflater:
    """Of one connection: a server may refer to what it sent before."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def __call__(self, payload: bytes) -> bytes:
        """A message as it was before. Raises zlib.error."""
        return self._inflate.decompress(payload + TAIL)
