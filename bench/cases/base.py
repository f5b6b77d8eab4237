"""What a case is, and what several of them do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target
from bench.window import Usage

Figures = Mapping[str, float]
"""Name of a figure, with its unit -> value. A name that means the same has the same spelling in all cases."""

SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure that the tables have. less: the smaller the better."""

    figure: str
    label: str
    less: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. usage: of its main window, by which foreign load is judged."""

    figures: Figures
    usage: Usage


class Case(Protocol):
    """One thing that is done to several targets."""

    @property
    def name(self) -> str:
        """In results and file names."""

    @property
    def title(self) -> str:
        """One line for readers."""

    @property
    def targets(self) -> Sequence[Target]:
        """Tables compare each with the first."""

    @property
    def runs(self) -> int:
        """At most so many, in the last of the plan's rounds."""

    @property
    def limit_s(self) -> float:
        """A run that takes longer is given up."""

    @property
    def shown(self) -> Sequence[Shown]:
        """What the tables have."""

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        """Measure one target once."""


def costs(usage: Usage, per: float, what: str) -> dict[str, float]:
    """CPU µs per delivery or event (`per` of them), of each role; `what`: its name. NaN when there was none.

    "servers": nodes and Redis, which is what peers are compared by.
    """
    share = 1e6 / per if per else math.nan
    each = {f"{role}_us_per_{what}": seconds * share for role, seconds in usage.cpu_s.items() if role != "conductor"}
    return each | {f"servers_us_per_{what}": (usage.cpu_s.get("node", 0.0) + usage.cpu_s["redis"]) * share}


def faults(report: Mapping[str, Any]) -> dict[str, float]:
    """What must be zero."""
    return {name: float(report[name]) for name in ("lost", "repeated", "disordered", "resets", "closed")}


def latency(report: Mapping[str, Any]) -> dict[str, float]:
    return {name: report[name] for name in ("p50_ms", "p99_ms", "p99.9_ms", "max_ms") if name in report}


async def paced(stage: Stage, plan: Plan, rate: float, rooms: int = 0) -> tuple[dict[str, float], Usage]:
    """Emit `rate` events a second for the plan's window and measure; everything has arrived when this returns.

    rooms: only to the first so many.
    """
    await stage.publisher.ask("pace", rate=rate, seconds=plan.warm_s, rooms=rooms)
    await stage.settle(SETTLE_S)
    await stage.crowd.ask("reset")
    sent_before = await stage.redis_number("total_net_output_bytes")
    window = stage.window()
    emitted = await stage.publisher.ask("pace", rate=rate, seconds=plan.window_s, rooms=rooms)
    await stage.settle(SETTLE_S)
    usage = window.end()
    report = await stage.crowd.ask("report", emitted=await stage.emitted())
    sent = await stage.redis_number("total_net_output_bytes") - sent_before
    figures = costs(usage, report["deliveries"], "delivery") | faults(report) | latency(report)
    figures |= {
        "events": emitted["events"],
        "deliveries": report["deliveries"],
        "deliveries_per_s": report["deliveries"] / emitted["seconds"],
        "publisher_late_ms": emitted["late_ms"],
        "wire_bytes_per_delivery": report["bytes"] / max(1, report["deliveries"]),
        "redis_out_bytes_per_event": sent / max(1, emitted["events"]),
        "nodes_rss_mb": stage.rss_bytes() / 1e6,
    }
    return figures, usage


async def saturated(stage: Stage, plan: Plan, in_flight: int, members: int) -> tuple[dict[str, float], Usage]:
    """Keep `in_flight` events undelivered and measure. members: clients of a room: so many deliveries make an event."""
    await stage.crowd.ask("credits", path=stage.credits, deliveries_each=members)
    await stage.crowd.ask("reset")
    window = stage.window()
    emitted = await stage.publisher.ask(
        "saturate", seconds=plan.saturated_s, in_flight=in_flight, paid_at=stage.credits
    )
    await stage.settle(SETTLE_S)
    usage = window.end()
    report = await stage.crowd.ask("report", emitted=await stage.emitted())
    figures = costs(usage, report["deliveries"], "delivery") | faults(report) | latency(report)
    figures |= {
        "deliveries_per_s": report["deliveries"] / usage.seconds,
        "events_per_s": report["deliveries"] / members / usage.seconds,
        "starved": float(emitted["starved"]),
        "events": emitted["events"],
        "deliveries": report["deliveries"],
    }
    return figures, usage


def prefixed(prefix: str, figures: Figures) -> dict[str, float]:
    """The figures under names that begin with `prefix` and a blank."""
    return {f"{prefix} {name}": value for name, value in figures.items()}


PACED_AND_SATURATED = (
    Shown("paced node_us_per_delivery", "paced: nodes, µs"),
    Shown("paced redis_us_per_delivery", "Redis, µs"),
    Shown("paced worker_us_per_delivery", "worker, µs"),
    Shown("paced p50_ms", "p50 ms"),
    Shown("paced p99_ms", "p99 ms"),
    Shown("paced p99.9_ms", "p99.9 ms"),
    Shown("saturated deliveries_per_s", "saturated: deliveries/s", less=False),
    Shown("saturated node_us_per_delivery", "nodes, µs"),
    Shown("saturated redis_us_per_delivery", "Redis, µs"),
)
