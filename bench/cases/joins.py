"""Joins: what a connect and a join of a chat cost when few sessions are connected elsewhere, and when very many are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.cases.base import Outcome, Shown
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target
from bench.targets.seeds import fill_peer_pool, fill_pool
from bench.window import Usage

SIZES = (0, 1_000, 10_000, 50_000)
CLIENTS = 100
JOINS = 10
"""Times that every one of our clients joins its chat, so that a measurement is long enough; a peer's joins once."""

JOIN_S = 60.0

GONE_S = 0.5
"""For the servers to be done with the clients of the size before."""


@dataclass(frozen=True, slots=True)
class Joins:
    """The pool is filled with sessions as other nodes would note them."""

    targets: Sequence[Target]
    name: str = "joins"
    title: str = "Joins: a connect, and a join of a chat, by the number of sessions that are connected elsewhere"
    runs: int = 99
    limit_s: float = 120.0

    @property
    def shown(self) -> Sequence[Shown]:
        return [
            *(Shown(f"{size} connect_ms", f"{size:,}: connect, nodes and Redis, CPU ms") for size in SIZES),
            *(Shown(f"{size} join_ms", f"{size:,}: join, CPU ms") for size in SIZES),
            Shown("most_to_least", f"join: × at {SIZES[-1]:,}"),
        ]

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(CLIENTS)
        ours = stage.running.kind == "roomlog"
        calls = [
            [client, "events:chat", {"chat_id": room.chat, "data": {"type": "join"}}]
            for _ in range(JOINS if ours else 1)
            for client, room in enumerate(rooms)
        ]
        figures: dict[str, float] = {}
        usage: Usage | None = None
        for before, size in pairwise((0, *SIZES)):
            if ours:
                await fill_pool(stage.place.redis_url, before, size)
            else:
                await fill_peer_pool(stage.place.redis_port, before, size)
            await stage.crowd.ask("close")
            await asyncio.sleep(GONE_S)
            connecting = stage.window()
            await stage.admit([[room] for room in rooms])
            usage = connecting.end()
            figures[f"{size} connect_ms"] = _servers_s(usage) / CLIENTS * 1000
            joining = stage.window()
            answer = await stage.crowd.ask("call", calls=calls, limit_s=JOIN_S)
            usage = joining.end()
            figures[f"{size} refused"] = float(answer["refused"])
            figures[f"{size} join_ms"] = _servers_s(usage) / len(calls) * 1000
        assert usage is not None
        ratio = figures[f"{SIZES[-1]} join_ms"] / figures[f"{SIZES[0]} join_ms"]
        return Outcome(figures | {"most_to_least": ratio}, usage)


def _servers_s(usage: Usage) -> float:
    return usage.cpu_s["node"] + usage.cpu_s["redis"]
