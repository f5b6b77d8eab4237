"""deploy/nginx*.conf in the real nginx, in front of real nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.deploy.names import Names, names
from tests.deploy.nginx import Nginx, nginx_before
from tests.support.nodes import Fleet, Process, eventually
from tests.support.valkey import free_port

ADDRESSES = ("127.0.0.1", "127.0.0.2")
"""Of the nodes: all of 127.0.0.0/8 is this machine's on Linux, and nowhere else."""


@dataclass
class Site:
    """nginx, the names that it asks for, and the nodes by their address."""

    nginx: Nginx
    names: Names
    nodes: dict[str, Process]

    @property
    def url(self) -> str:
        return self.nginx.url

    @property
    def living(self) -> dict[str, Process]:
        return {host: node for host, node in self.nodes.items() if node.process and node.process.poll() is None}

    async def connections(self) -> dict[str, int]:
        """How many clients each living node has."""
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            return {
                host: (await client.get(f"{node.url}/readyz")).json()["connections"]
                for host, node in self.living.items()
            }

    async def node_of_the_only_client(self) -> Process:
        (host,) = [host for host, count in (await self.connections()).items() if count]
        return self.nodes[host]


@asynccontextmanager
async def site(
    fleet: Fleet, folder: Path, more: dict[str, str] | None = None, hosts: tuple[str, ...] = ADDRESSES, **settings: Any
) -> AsyncIterator[Site]:
    """Nodes with names, and nginx before them. `more`: of nginx's files, what becomes what."""
    port = free_port()
    started = await asyncio.gather(*(fleet.node_at(host, port, **settings) for host in hosts))
    nodes = {node.host: node for node in started}
    async with names() as served:
        served.addresses = {f"node{number}": [host] for number, host in enumerate(hosts, 1)}
        async with nginx_before(port, served.port, folder, more) as nginx:
            made = Site(nginx, served, nodes)
            await eventually(lambda: _answers(made.url))
            yield made


async def _answers(url: str) -> bool:
    """nginx has resolved the name by now."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        return (await client.get(f"{url}/livez")).is_success
