"""What nodes report of themselves every second, and the barrier that it gives."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Any

from registry.reports import known_fields
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

ALIVE_S = 5.0
"""A node that has not reported for this long is taken for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a node says of itself besides its position; None: it does not say.

    started_ms: Unix ms. rooms: those with members on it. waiting_clients: of those that wait to be let in.
    slow_clients: fed from the log because they read too slowly. send_backlog_bytes: written for clients, not taken yet.
    tail_age_s: since it last heard from the log. cpu_s, delivered, replayed, errors: counts since its process began;
    errors: appends, tokens and packets that it refused.
    """

    version: str | None = None
    started_ms: int | None = None
    pid: int | None = None
    connections: int | None = None
    rooms: int | None = None
    waiting_clients: int | None = None
    slow_clients: int | None = None
    send_backlog_bytes: int | None = None
    tail_age_s: float | None = None
    draining: bool | None = None
    rss_bytes: int | None = None
    cpu_s: float | None = None
    delivered: int | None = None
    replayed: int | None = None
    errors: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport(NodeFacts):
    """A node as it last reported itself, `seen_s` ago. position: it has delivered everything up to there.

    behind_ms: the age, then, of the oldest entry that it had not delivered; 0 when there was none.
    """

    name: str
    alive: bool
    seen_s: float
    position: str
    behind_ms: int | None = None


class Nodes:
    """The nodes' reports: hash node -> JSON {time, position, …}. All calls may be repeated.

    time: by the log server's clock, so that machines whose clocks differ agree who is alive.
    """

    def __init__(self, keys: Keys, client: Client) -> None:
        self._keys = keys
        self._client = client

    async def report(self, node: str, position: Position, facts: NodeFacts) -> bool:
        """Say that this node is alive and has delivered everything up to `position`. Raises LogUnavailable.

        Returns whether the server takes appends; one without memory left takes reports alone.
        """
        body = json.dumps({"position": str(position), **asdict(facts)})
        keys, args = [self._keys.nodes, self._keys.log], [node, body, str(position)]
        return bool(await retrying(lambda: run_script(self._client, "node_report", keys, args), 1.0))

    async def leave(self, node: str) -> None:
        await retrying(lambda: self._client.hdel(self._keys.nodes, node), 1.0)

    async def alive(self) -> dict[str, dict[str, Any]]:
        """The reports of living nodes by name; reports of dead ones are removed an hour later."""

        reports, now = await self._read()
        old = [name for name, report in reports.items() if now - report["time"] > 3600]
        if old:
            await retrying(lambda: self._client.hdel(self._keys.nodes, *old))
        return {name: report for name, report in reports.items() if now - report["time"] < ALIVE_S}

    async def reports(self) -> list[NodeReport]:
        """Every node that reported within the hour and has not left, by name; the dead among them too."""
        reports, now = await self._read()
        return [_report(name, report, now - report["time"]) for name, report in sorted(reports.items())]

    async def _read(self) -> tuple[dict[str, dict[str, Any]], float]:
        """The reports by node, and the server's time in Unix seconds."""

        async def read() -> tuple[dict[bytes, bytes], float]:
            return await self._client.hgetall(self._keys.nodes), await now_ms(self._client) / 1000

        raw, now = await retrying(read)
        return {name.decode(): json.loads(body) for name, body in raw.items()}, now

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


def _report(name: str, report: dict[str, Any], seen_s: float) -> NodeReport:
    facts = known_fields(NodeFacts, report)
    return NodeReport(
        name=name,
        alive=seen_s < ALIVE_S,
        seen_s=round(max(seen_s, 0.0), 3),
        position=report["position"],
        behind_ms=report.get("behind_ms"),
        **facts,
    )
