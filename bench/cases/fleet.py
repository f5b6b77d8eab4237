"""A larger fleet: what an event costs a node that has nobody to give it to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown
from bench.cases.streaming import CLIENTS, RATE
from bench.cases.traffic import paced
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target


@dataclass(frozen=True, slots=True)
class Fleet:
    """The streaming case, and nodes beside the two that have the clients. idle: how many."""

    targets: Sequence[Target]
    idle: int
    name: str = "fleet"
    runs: int = 99
    limit_s: float = 90.0
    shown: Sequence[Shown] = (
        Shown("foreign_us_per_event", "a foreign event on a node, µs"),
        Shown("node_us_per_delivery", "both nodes with clients, µs"),
        Shown("redis_us_per_delivery", "Redis, µs"),
        Shown("p99_ms", "p99 ms"),
    )

    @property
    def title(self) -> str:
        return f"{self.idle + 2} nodes: streaming, all clients on two, {self.idle} with none"

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(CLIENTS)
        await stage.admit([[room] for room in rooms])
        await stage.publish_to(rooms)
        figures, usage = await paced(stage, plan, CLIENTS * RATE)
        foreign = usage.cpu_s["idle"] * 1e6 / (figures["events"] * self.idle)
        return Outcome(figures | {"foreign_us_per_event": foreign}, usage)
