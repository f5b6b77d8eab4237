"""Credits: how the publisher of a closed loop learns what was delivered, over a unix socket.

One credit is a number of events, as four bytes. The crowd sums up what came in one turn of its loop.
"""

from __future__ import annotations

import asyncio
import struct

CREDIT = struct.Struct("<I")


class Credits:
    """deliveries_each: how many deliveries make one event (the members of its room)."""

    def __init__(self, deliveries_each: int) -> None:
        self._each = deliveries_each
        self._deliveries = 0
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None
        self._soon = False

    async def serve(self, path: str) -> None:
        """Take one publisher at `path`."""
        self._server = await asyncio.start_unix_server(self._accept, path)

    async def _accept(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._deliveries = 0
        self._writer = writer

    def delivered(self, events: int) -> None:
        """Note deliveries."""
        self._deliveries += events
        if self._writer is not None and not self._soon and self._deliveries >= self._each:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._pay)

    def _pay(self) -> None:
        self._soon = False
        events, self._deliveries = divmod(self._deliveries, self._each)
        if events and self._writer is not None and not self._writer.is_closing():
            self._writer.write(CREDIT.pack(events))

    def close(self) -> None:
        """Take no publisher any more."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._server is not None:
            self._server.close()
            self._server = None
