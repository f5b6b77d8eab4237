"""Traffic through a target whose clients are connected: paced, and in a closed loop."""

from __future__ import annotations

import time

from bench.cases.base import Shown, costs, faults, latency
from bench.plan import Plan
from bench.stage import Stage
from bench.window import Usage

SETTLE_S = 10.0

PACED_AND_SATURATED = (
    Shown("paced node_us_per_delivery", "paced: nodes, µs"),
    Shown("paced redis_us_per_delivery", "Redis, µs", plotted=False),
    Shown("paced worker_us_per_delivery", "worker, µs", plotted=False),
    Shown("paced publisher_us_per_delivery", "publisher, µs", plotted=False),
    Shown("paced p50_ms", "p50 ms", plotted=False),
    Shown("paced p99_ms", "paced: p99 ms"),
    Shown("paced p99.9_ms", "p99.9 ms", plotted=False),
    Shown("saturated deliveries_per_s", "saturated: deliveries/s", less=False),
    Shown("saturated node_us_per_delivery", "saturated: nodes, µs"),
    Shown("saturated redis_us_per_delivery", "Redis, µs", plotted=False),
)

WITH_BYTES = (Shown("paced wire_bytes_per_delivery", "bytes a delivery", plotted=False), *PACED_AND_SATURATED)


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
    started_ns = time.monotonic_ns()
    emitted = await stage.publisher.ask(
        "saturate", seconds=plan.saturated_s, in_flight=in_flight, paid_at=stage.credits
    )
    settled = await stage.settle(SETTLE_S)
    usage = window.end()
    seconds = (settled["last_at_ns"] - started_ns) / 1e9  # not to the window's end: what was lost is waited for
    report = await stage.crowd.ask("report", emitted=await stage.emitted())
    figures = costs(usage, report["deliveries"], "delivery") | faults(report) | latency(report)
    figures |= {
        "deliveries_per_s": report["deliveries"] / seconds,
        "events_per_s": report["deliveries"] / members / seconds,
        "starved": float(emitted["starved"]),
        "events": emitted["events"],
        "deliveries": report["deliveries"],
    }
    return figures, usage
