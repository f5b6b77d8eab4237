"""A load balancer, so that a client keeps one URL while its node changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.proxy import Proxy


class Balancer(Proxy):
    """Sends new connections to one node at a time."""

    def point_at(self, port: int) -> None:
        self._target_port = port

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
