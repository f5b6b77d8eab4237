"""A way to emit: what differs between the servers that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bench.publisher.payload import Payloads


class Way(Protocol):
    """Emits events."""

    async def emit(self, due: Sequence[Payloads]) -> None:
        """Emit the next event of each of these, in this order (a room may be there several times).

        It may return before the server has them, but bounds how many it has not answered yet.
        """

    async def flush(self) -> None:
        """Wait until the server has answered everything."""


Opened = AbstractAsyncContextManager[Way]
