"""Streaming: every client alone in its room, as people who each watch an answer grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown, prefixed
from bench.cases.traffic import PACED_AND_SATURATED, paced, saturated
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target

CLIENTS = 200
RATE = 20.0
IN_FLIGHT = 4


@dataclass(frozen=True, slots=True)
class Streaming:
    """Paced, and then in a closed loop."""

    targets: Sequence[Target]
    name: str = "streaming"
    title: str = (
        f"Streaming: {CLIENTS} clients on 2 nodes, each in a room of its own, {RATE:.0f} events/s each; "
        f"then {IN_FLIGHT} a room always in flight"
    )
    runs: int = 99
    limit_s: float = 60.0
    shown: Sequence[Shown] = PACED_AND_SATURATED

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(CLIENTS)
        await stage.admit([[room] for room in rooms])
        await stage.publish_to(rooms)
        figures, usage = await paced(stage, plan, CLIENTS * RATE)
        flat_out, _ = await saturated(stage, plan, CLIENTS * IN_FLIGHT, 1)
        return Outcome(prefixed("paced", figures) | prefixed("saturated", flat_out), usage)
