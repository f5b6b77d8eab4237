"""Fan-out: one room, many members, every event to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown, prefixed
from bench.cases.traffic import PACED_AND_SATURATED, paced, saturated
from bench.plan import Plan
from bench.stage import PAYLOAD_BYTES, Stage
from bench.targets.base import Target

CLIENTS = 500
RATE = 20.0
IN_FLIGHT = 20
LONG_BYTES = 2000
"""Of an event that is worth compressing: a status with its sources, a message whole."""


@dataclass(frozen=True, slots=True)
class Fanout:
    """Paced, and then in a closed loop. deflate: the clients offer permessage-deflate, which a
    server may decline, and the events are long."""

    targets: Sequence[Target]
    name: str = "fanout"
    title: str = (
        f"Fan-out: 1 room, {CLIENTS} clients on 2 nodes, {RATE:.0f} events/s; then {IN_FLIGHT} always in flight"
    )
    deflate: bool = False
    runs: int = 99
    limit_s: float = 60.0
    shown: Sequence[Shown] = PACED_AND_SATURATED

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(1)
        await stage.admit([rooms] * CLIENTS, deflate=self.deflate)
        await stage.publish_to(rooms, size=LONG_BYTES if self.deflate else PAYLOAD_BYTES)
        figures, usage = await paced(stage, plan, RATE)
        flat_out, _ = await saturated(stage, plan, IN_FLIGHT, CLIENTS)
        return Outcome(prefixed("paced", figures) | prefixed("saturated", flat_out), usage)
