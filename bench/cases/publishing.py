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
from bench.window import Usage

ROOMS = 20
RATE = 400.0
SINGLE_EACH = 100
SEVERAL_EACH = 1000
"""Events of every room, as fast as they are taken."""

BODIES = {"single": "http", "list": "http list"}


@dataclass(frozen=True, slots=True)
class Publishing:
    """Each room has one client. Paced, and then as fast as the nodes answer; requests of a room follow each other."""

    targets: Sequence[Target]
    name: str = "http"
    title: str = (
        f"Publishing over HTTP: {ROOMS} answers, {RATE:.0f} events/s in all; then as fast as it is answered, "
        f"an event a body, and up to {LIST_EVENTS}"
    )
    runs: int = 99
    limit_s: float = 90.0

    @property
    def shown(self) -> Sequence[Shown]:
        return [
            shown
            for body in BODIES
            for shown in (
                Shown(f"{body} events_per_s", f"{body}: events/s", less=False),
                Shown(f"{body} node_us_per_event", f"{body}: nodes, µs an event"),
                Shown(f"{body} redis_us_per_event", "Redis, µs", plotted=False),
                Shown(f"{body} p50_ms", f"{body}, paced: p50 ms"),
                Shown(f"{body} p99_ms", f"{body}, paced: p99 ms"),
                Shown(f"{body} wrong", f"{body}: lost, repeated, out of order", plotted=False),
            )
        ]

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(ROOMS)
        await stage.admit([[room] for room in rooms])
        figures: dict[str, float] = {}
        usage: Usage | None = None
        await stage.publish_to(rooms, kind="http")
        measured, usage = await paced(stage, plan, RATE)
        figures |= prefixed("single", measured | await _flat_out(stage, SINGLE_EACH))
        await stage.crowd.ask("forget")  # the publisher's numbers begin again
        await stage.publish_to(rooms, kind="http list")
        measured, _ = await paced(stage, plan, RATE)
        figures |= prefixed("list", measured | await _flat_out(stage, SEVERAL_EACH))
        return Outcome(figures, usage)


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
