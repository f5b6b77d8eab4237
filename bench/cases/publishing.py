"""Publishing over HTTP: what an event costs that comes in a body of its own, or in a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown, costs, prefixed
from bench.cases.traffic import SETTLE_S, paced
from bench.plan import Plan
from bench.publisher.http import LIST_EVENTS
from bench.stage import Stage
from bench.targets.base import Target

ROOMS = 20
RATE = 400.0
SINGLE_EACH = 100
SEVERAL_EACH = 1000
"""Events of every room, as fast as they are taken."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """Each room has one client. Paced, and then as fast as the nodes answer; requests of a room follow each other."""

    targets: Sequence[Target]
    name: str = "http"
    title: str = (
        f"Publishing over HTTP: {ROOMS} answers, {RATE:.0f} events/s in all; then as fast as it is answered, "
        f"an event a body, and lists of up to {LIST_EVENTS}"
    )
    runs: int = 99
    limit_s: float = 90.0
    shown: Sequence[Shown] = (
        Shown("single events_per_s", "an event a body: events/s", less=False),
        Shown("single node_us_per_event", "nodes, µs an event"),
        Shown("single redis_us_per_event", "Redis, µs", plotted=False),
        Shown("single wrong", "lost, repeated, out of order", plotted=False),
        Shown("paced p50_ms", "paced: p50 ms", plotted=False),
        Shown("paced p99_ms", "paced: p99 ms"),
        Shown("list events_per_s", "lists: events/s", less=False),
        Shown("list node_us_per_event", "lists: nodes, µs an event"),
        Shown("list redis_us_per_event", "Redis, µs", plotted=False),
        Shown("list wrong", "lost, repeated, out of order", plotted=False),
    )

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(ROOMS)
        await stage.admit([[room] for room in rooms])
        await stage.publish_to(rooms, kind="http")
        steady, usage = await paced(stage, plan, RATE)
        figures = prefixed("paced", steady) | prefixed("single", await _flat_out(stage, SINGLE_EACH))
        await stage.crowd.ask("forget")  # the publisher's numbers begin again
        await stage.publish_to(rooms, kind="http list")
        return Outcome(figures | prefixed("list", await _flat_out(stage, SEVERAL_EACH)), usage)


async def _flat_out(stage: Stage, each: int) -> dict[str, float]:
    await stage.crowd.ask("reset")
    window = stage.window()
    emitted = await stage.publisher.ask("burst", per_room=each)
    await stage.settle(SETTLE_S)
    usage = window.end()
    report = await stage.crowd.ask("report", emitted=await stage.emitted())
    wrong = sum(report[name] for name in ("lost", "repeated", "disordered"))
    return costs(usage, emitted["events"], "event") | {
        "events_per_s": emitted["events"] / emitted["seconds"],
        "wrong": float(wrong),
    }
