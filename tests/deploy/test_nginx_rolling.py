"""A rolling restart behind deploy/nginx*.conf in the real nginx, with the times that are shipped."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import httpx
import pytest

from tests.deploy.site import Site, site
from tests.e2e.producer import hears, open_producer
from tests.support.js import POLLING, WEBSOCKET, Js, js
from tests.support.nodes import DEADLINE_S, Fleet, Process, eventually, token

__all__ = ["js"]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 at once")

DRAIN_S = 1.5
TRUSTED_S = 40.0
"""nginx leaves a node that failed alone for 10 s (`fail_timeout`); a machine that is busy takes longer."""


async def _restart(node: Process) -> None:
    """SIGTERM, and the same again when it has ended by itself."""
    assert node.process is not None
    node.process.terminate()
    await asyncio.to_thread(node.process.wait, DEADLINE_S)
    node.start()
    await node.ready()


async def _trusts(made: Site, node: Process, transport: str) -> bool:
    """Whether nginx sends a newcomer of this transport to this node."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        await client.get(f"{made.url}/livez?transport={transport}")  # a node is chosen by the query alone
    served = re.findall(r" /livez 200 .* by (\S+)$", made.nginx.text(), re.MULTILINE)
    return bool(served and served[-1] == f"{node.host}:{node.port}")


async def test_each_node_restarted_behind_nginx_loses_and_repeats_nothing(fleet: Fleet, js: Js, tmp_path: Path) -> None:
    """The next node goes when nginx sends newcomers to the last one again: polling clients then move a second time,
    to the node that is theirs by their address."""
    async with site(fleet, tmp_path, drain_seconds=DRAIN_S) as made, open_producer(fleet) as producer:
        polling = [await js.open(made.url, token(), POLLING)]
        home = await made.node_of_the_only_client()
        polling.append(await js.open(made.url, token(), POLLING))
        sockets = [await js.open(made.url, token(), WEBSOCKET) for _ in range(4)]
        async with producer.flowing(["c"]):
            for node in (home, *(node for node in made.nodes.values() if node is not home)):
                await producer.go_on(50)
                await _restart(node)
                for transport in ("websocket", *(["polling"] if node is home else [])):
                    await eventually(lambda n=node, t=transport: _trusts(made, n, t), TRUSTED_S)
            await producer.go_on(50)
        for client in (*sockets, *polling):
            await hears(client, producer.numbers())
            assert len(client.connects) > (2 if client in polling else 1)
            assert all(connect.recovered for connect in client.connects[1:])
            assert client.resets() == []
        assert sum((await made.connections()).values()) == len(sockets) + len(polling)
