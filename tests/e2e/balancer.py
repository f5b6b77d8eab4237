"""A load balancer, so that a client keeps one URL while its node changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.proxy import Proxy


class Balancer(Proxy):
    """Sends new connections to one node at a time."""

    def point_at(self, port: int) -> None:
        self._target_port = port

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Also a link that is still being made is cut by `cut` and gone after `aclose`."""
        task = asyncio.current_task()
        assert task is not None
        self._links.add(writer)
        self._tasks.add(task)
        try:
            await super()._accept(reader, writer)
        finally:
            self._tasks.discard(task)

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
