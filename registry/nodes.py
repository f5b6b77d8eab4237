"""What nodes and workers report of themselves every second, and the barrier that it gives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from streams.entry import Position
from streams.errors import LogUnavailable
from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

ALIVE_S = 5.0
"""A node that has not reported for this long is taken for dead."""


class Nodes:
    """The nodes' reports: hash node -> JSON {time, position, …}. All calls may be repeated.

    time: by the log server's clock, so that machines whose clocks differ agree who is alive.
    """

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def report(self, node: str, position: Position, **facts: Any) -> None:
        """Say that this node is alive and has delivered everything up to `position`. Raises LogUnavailable."""
        body = json.dumps({"position": str(position), **facts})
        await retrying(lambda: run_script(self._client, "node_report", [self._keys.nodes], [node, body]), 1.0)

    async def leave(self, node: str) -> None:
        await retrying(lambda: self._client.hdel(self._keys.nodes, node), 1.0)

    async def alive(self) -> dict[str, dict[str, Any]]:
        """The reports of living nodes by name; reports of dead ones are removed an hour later."""

        async def read() -> tuple[dict[bytes, bytes], float]:
            return await self._client.hgetall(self._keys.nodes), await now_ms(self._client) / 1000

        raw, now = await retrying(read)
        reports = {name.decode(): json.loads(body) for name, body in raw.items()}
        old = [name for name, report in reports.items() if now - report["time"] > 3600]
        if old:
            await self._client.hdel(self._keys.nodes, *old)
        return {name: report for name, report in reports.items() if now - report["time"] < ALIVE_S}

    async def passed(self, position: Position, deadline_s: float = 5.0) -> None:
        """Wait until every living node has delivered everything up to `position`.

        Raises LogUnavailable when one has not within the deadline. A node that dies meanwhile is waited for no longer.
        """
        deadline = asyncio.get_running_loop().time() + deadline_s
        pause_s = 0.002
        while True:
            behind = [n for n, r in (await self.alive()).items() if Position.parse(r["position"]) < position]
            if not behind:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise LogUnavailable(f"node {behind[0]} has not caught up with {position} for {deadline_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.1)
