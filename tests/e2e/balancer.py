"""A load balancer, so that a client keeps one URL while its node changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.proxy import Proxy


class Balancer(Proxy):
    """Sends new connections to one node at a time."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self._accepting: set[asyncio.Task[None]] = set()

    def point_at(self, port: int) -> None:
        self._target_port = port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Also a link that is still being made is cut by `cut`."""
        task = asyncio.current_task()
        assert task is not None
        self._links.add(writer)
        self._accepting.add(task)
        try:
            await super()._accept(reader, writer)
        finally:
            self._accepting.discard(task)

    async def aclose(self) -> None:
        """Links that are still being made are waited for, so that none outlives the balancer.

        asyncio leaks a link that it accepts in the very turn in which the server closes
        (https://github.com/python/cpython/issues/109564), so first no more are accepted.
        """
        self.refusing = True
        assert self._server is not None
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(0)
        if self._accepting:
            await asyncio.wait(self._accepting)
        await super().aclose()

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Links are cut, and nobody gets through until the block ends."""
        self.refusing = True
        self.cut()
        yield
        self.refusing = False


@asynccontextmanager
async def balancer_before(port: int) -> AsyncIterator[Balancer]:
    """A running balancer that begins with the node at this port."""
    balancer = Balancer(port)
    await balancer.start()
    try:
        yield balancer
    finally:
        await balancer.aclose()
