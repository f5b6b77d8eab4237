"""Links between a node and its Valkey that a test may break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from tests.support.nodes import Fleet
from tests.support.proxy import Proxy


class MutedProxy(Proxy):
    """A proxy that can lose answers: while `muted`, commands reach the server and no answer comes back."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.muted = False

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, limited: bool) -> None:
        if not limited:
            await super()._pump(source, sink, limited)
            return
        while data := await source.read(65536):
            if not self.muted:
                sink.write(data)
                await sink.drain()
        sink.transport.abort()


def port_of(fleet: Fleet) -> int:
    """The port of the fleet's Valkey."""
    return int(urlsplit(fleet.redis_url).port or 0)


@asynccontextmanager
async def breakable(fleet: Fleet, proxy: Proxy | None = None) -> AsyncIterator[tuple[Fleet, Proxy]]:
    """The same fleet with a proxy between its nodes and its Valkey."""
    proxy = proxy or Proxy(port_of(fleet))
    await proxy.start()
    behind = replace(fleet, redis_url=f"redis://127.0.0.1:{proxy.port}", processes=[])
    try:
        yield behind, proxy
    finally:
        behind.stop()
        proxy.silent = False
        await proxy.aclose()
