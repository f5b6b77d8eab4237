"""Idle connections: what a node's memory grows by, and what it does all day for clients that say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target

FIRST = 200
"""Connections before the first look: what is loaded and allocated once is there then."""

COUNTED = 1000
ROOMS = 50
REST_S = 2.0


@dataclass(frozen=True, slots=True)
class Idle:
    """Resident memory of both nodes. deflate: the clients offer permessage-deflate; a server may decline it."""

    targets: Sequence[Target]
    name: str = "idle"
    title: str = f"Idle: {COUNTED:,} connections on 2 nodes"
    deflate: bool = False
    runs: int = 99
    limit_s: float = 60.0
    shown: Sequence[Shown] = (
        Shown("rss_mb_per_1000", "nodes' memory, MB"),
        Shown("base_mb", "before, MB"),
        Shown("connects_per_s", "connects/s", less=False),
        Shown("connect_ms", "connect: nodes, CPU ms"),
        Shown("idle_cpu_share", "then nodes, CPUs"),
        Shown("deflating", "agreed to deflate", less=False, plotted=False),
    )

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(ROOMS)
        await stage.admit([[rooms[number % ROOMS]] for number in range(FIRST)], deflate=self.deflate)
        await asyncio.sleep(REST_S)
        before = stage.rss_bytes()
        connecting = stage.window()
        admitted = await stage.admit([[rooms[number % ROOMS]] for number in range(COUNTED)], deflate=self.deflate)
        connected = connecting.end()
        await asyncio.sleep(REST_S / 2)
        resting = stage.window()
        await asyncio.sleep(REST_S)
        usage = resting.end()
        figures = {
            "rss_mb_per_1000": (stage.rss_bytes() - before) / 1e6 * 1000 / COUNTED,
            "base_mb": before / 1e6,
            "connects_per_s": COUNTED / admitted.seconds,
            "connect_ms": connected.cpu_s["node"] / COUNTED * 1000,
            "deflating": float(admitted.inflating),
            "idle_cpu_share": usage.cpu_s["node"] / usage.seconds,
        }
        return Outcome(figures, usage)
