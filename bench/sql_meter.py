"""A meter between a program and PostgreSQL: it counts the bytes that go to the server, whatever sends them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

SOCKET = ".s.PGSQL.5432"
"""The name that clients look for in the folder that is given to them as host."""

READ_BYTES = 1 << 18


class SqlMeter:
    """bytes: what was sent to the server so far: statements, parameters, the protocol's own."""

    def __init__(self, server_folder: str) -> None:
        self._server = f"{server_folder}/{SOCKET}"
        self._tasks: set[asyncio.Task[None]] = set()
        self.bytes = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a connection until either side ends it."""
        far_reader, far_writer = await asyncio.open_unix_connection(self._server)
        self._start(self._pump(reader, far_writer, counted=True))
        self._start(self._pump(far_reader, writer, counted=False))

    def _start(self, pump: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(pump)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(READ_BYTES):
                if counted:
                    self.bytes += len(data)
                sink.write(data)
                await sink.drain()
        sink.close()

    async def aclose(self) -> None:
        """End all connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def metered(server_folder: str, folder: Path) -> AsyncIterator[SqlMeter]:
    """A meter that clients reach with `folder`, which is there, as host."""
    meter = SqlMeter(server_folder)
    server = await asyncio.start_unix_server(meter.accept, str(folder / SOCKET))
    try:
        yield meter
    finally:
        server.close()
        await meter.aclose()
