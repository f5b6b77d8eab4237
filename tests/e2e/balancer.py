"""A load balancer, so that a client keeps one URL while its node changes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
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


class Rotation(Proxy):
    """Sends new connections to the nodes in turn; to the next one where nobody listens."""

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(ports[0])
        self._ports = itertools.cycle(ports)
        self._tries = len(ports)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(self._tries - 1):
            self._target_port = next(self._ports)
            with contextlib.suppress(ConnectionRefusedError):
                return await super()._reach()
        self._target_port = next(self._ports)
        return await super()._reach()


@asynccontextmanager
async def rotation_of(ports: Sequence[int]) -> AsyncIterator[Rotation]:
    """A running balancer in front of the nodes at these ports."""
    rotation = Rotation(ports)
    await rotation.start()
    try:
        yield rotation
    finally:
        await rotation.aclose()
