"""What stands before the nodes for one client, like a load balancer or a tunnel: it changes nodes, and it cuts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

CHUNK_BYTES = 1 << 16


class Front:
    """Forwards connections to one of several loopback ports: always the same until `cut`, then the next.

    A node that does not answer is passed over.
    """

    def __init__(self, ports: Sequence[int], turn: int) -> None:
        self._ports = ports
        self._turn = turn
        self._links: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = 0
        self.url = ""

    def cut(self) -> None:
        """Abort every link at once (RST), without a word to either side; new ones go to the next node."""
        self.cuts += bool(self._links)
        self._turn += 1
        self._abort()

    def _abort(self) -> None:
        for writer in self._links:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # a link that ends is what this is for; `serving` waits for a task that it cancels
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = self._turn
        far_reader, far_writer = await self._open()
        links = {writer, far_writer}
        self._links |= links
        try:
            if turn == self._turn:  # not cut meanwhile
                pumps = [asyncio.create_task(_pump(reader, far_writer)), asyncio.create_task(_pump(far_reader, writer))]
                await _first_to_end(pumps)
        finally:
            self._links -= links
            far_writer.transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the node whose turn it is. Raises OSError if no node answers."""
        for _ in self._ports[1:]:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self._port)
            self._turn += 1
        return await asyncio.open_connection("127.0.0.1", self._port)

    @property
    def _port(self) -> int:
        return self._ports[self._turn % len(self._ports)]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Front]:
        """Listen while inside; `url` is where."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self._abort()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


async def _first_to_end(pumps: list[asyncio.Task[None]]) -> None:
    """Wait until either direction has ended, and end the other."""
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK_BYTES):
        sink.write(data)
        await sink.drain()
