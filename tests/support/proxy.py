"""A TCP proxy that cuts, delays and silences a link."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards connections to a loopback port.

    silent: while True nothing is forwarded in either direction, though the links stay up.
    refusing: while True new connections are closed at once.
    rate: bytes a second that a link forwards to the client; None is no limit.
    buffer_bytes: about what a new link holds of what it cannot forward yet; None: what the kernel likes, megabytes.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self.buffer_bytes: int | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting: set[asyncio.Task[None]] = set()
        self._talking = asyncio.Event()
        self._talking.set()
        self._server: asyncio.Server | None = None
        self.refusing = False
        self.rate: int | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Close every link at once (RST), as a tunnel does; also one that is still being made."""
        for writer in list(self._links):
            writer.transport.abort()

    @property
    def silent(self) -> bool:
        return not self._talking.is_set()

    @silent.setter
    def silent(self, value: bool) -> None:
        if value:
            self._talking.clear()
        else:
            self._talking.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._links.add(writer)
        self._accepting.add(task)
        try:
            await self._connect(reader, writer)
        finally:
            self._accepting.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            self._links.discard(writer)
            writer.transport.abort()
            return
        self._links.add(far_writer)
        for source, sink, rate in ((reader, far_writer, False), (far_reader, writer, True)):
            task = asyncio.create_task(self._pump(source, sink, rate))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        link = socket.create_connection(("127.0.0.1", self._target_port))
        if self.buffer_bytes is not None:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer_bytes)
        return await asyncio.open_connection(sock=link, limit=self.buffer_bytes or 1 << 16)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, limited: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(4096 if limited and self.rate else 65536):
                await self._talking.wait()
                if limited and self.rate:
                    await asyncio.sleep(len(data) / self.rate)
                sink.write(data)
                await sink.drain()
        self._links.discard(sink)
        sink.transport.abort()

    async def aclose(self) -> None:
        """Links that are still being made are waited for, so that none outlives the proxy.

        asyncio leaks a link that it accepts in the very turn in which the server closes
        (https://github.com/python/cpython/issues/109564), so first no more are accepted.
        """
        if self._server is not None:
            self.refusing = True
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
            await asyncio.sleep(0)
            if self._accepting:
                await asyncio.wait(self._accepting)
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """A running proxy in front of a loopback port."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.aclose()
