"""Whether this node can do its work, with the reasons when it cannot."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from app.sql_probe import PATIENCE_S, SqlProbe
from streams.errors import LogError
from streams.link import Client, health_of

if TYPE_CHECKING:
    from app.node import Node

TAIL_LAG_S = 4.0
REPORT_LAG_S = 5.0


class Health:
    """Looks at everything that the node depends on, each time it is asked; it answers though a server is silent."""

    def __init__(self, node: Node, client: Client) -> None:
        self._node = node
        self._client = client
        self._sql_probe = SqlProbe(node.archive.ping, node.spawn)
        self.closing = False

    @property
    def leaving(self) -> bool:
        """Whether the node goes away."""
        return self.closing or self._node.drain.begun

    async def reasons(self) -> list[str]:
        """Why this node is not ready; empty when it is."""
        if self.closing:
            return ["closing: this node is going away"]
        if self._node.drain.begun:
            return ["draining: this node is going away, its clients are moved over"]
        log, sql = await asyncio.gather(self._log(), self._sql())
        return [*log, *sql]

    async def aclose(self) -> None:
        """Ask the servers no more."""
        await self._sql_probe.aclose()

    async def _log(self) -> list[str]:
        node = self._node
        found = []
        if node.tail_age_s > TAIL_LAG_S:
            found.append(f"tail: nothing heard from the log for {node.tail_age_s:.1f} s")
        if time.monotonic() - node.self_report.sent_at > REPORT_LAG_S:
            found.append("log: writes fail")
        if node.self_report.full:
            found.append("full: the log's server has no memory left, and refuses appends")
        try:
            async with asyncio.timeout(PATIENCE_S):
                found += await health_of(self._client)
                found += await self._worker_lag()
        except LogError as fault:
            found.append(f"log: {fault}")
        except TimeoutError:
            found.append(f"log: it does not answer within {PATIENCE_S:g} s")
        return found

    async def _worker_lag(self) -> list[str]:
        lag_s = await self._node.rooms.oldest_job_age_s()
        if lag_s <= self._node.settings.worker_lag_s:
            return []
        return [f"worker: an event has waited {lag_s:.0f} s to be folded; is a worker running?"]

    async def _sql(self) -> list[str]:
        fault = await self._sql_probe.fault()
        return [f"sql: {fault}"] if fault else []

    def facts(self) -> dict[str, Any]:
        """What /readyz shows besides."""
        node = self._node
        return {"node": node.name, "position": str(node.hub.position), "connections": len(node.sessions.by_sid)}
