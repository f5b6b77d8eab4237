"""Slow readers: some clients of a busy room stop reading. What does the node keep for them, and do they get it all?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown, latency
from bench.cases.traffic import SETTLE_S
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target

SLOW = 10
QUICK = 10
SIZE = 2000
RATE = 1000.0
SECONDS = 4.0
CATCH_UP_S = 20.0


@dataclass(frozen=True, slots=True)
class SlowReader:
    """The slow ones have small receive buffers, so that what they do not read stays with the server."""

    targets: Sequence[Target]
    name: str = "slow-reader"
    title: str = (
        f"Slow readers: {SLOW} of {SLOW + QUICK} clients of a room read nothing while {RATE * SECONDS:,.0f} events of "
        f"{SIZE} bytes pass ({SLOW * SIZE * RATE * SECONDS / 1e6:.0f} MB for them), then read again"
    )
    runs: int = 99
    limit_s: float = 90.0
    shown: Sequence[Shown] = (
        Shown("growth_mb", "nodes grew by, MB"),
        Shown("others_p99_ms", "others: p99 ms"),
        Shown("catch_up_s", "caught up in, s"),
        Shown("lost", "lost"),
        Shown("repeated", "repeated"),
        Shown("disordered", "out of order"),
        Shown("closed", "disconnected"),
    )

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(1)
        await stage.admit([rooms] * SLOW, small_buffers=True)
        await stage.admit([rooms] * QUICK)
        await stage.publish_to(rooms, SIZE)
        await stage.publisher.ask("pace", rate=RATE, seconds=plan.warm_s)
        await stage.settle(SETTLE_S)
        await stage.crowd.ask("reset")
        before = stage.rss_bytes()
        await stage.crowd.ask("pause", first=0, count=SLOW)
        window = stage.window()
        await stage.publisher.ask("pace", rate=RATE, seconds=SECONDS)
        emitted = await stage.emitted()
        await stage.crowd.ask("caught_up", emitted=emitted, limit_s=SETTLE_S, first=SLOW, count=QUICK)
        growth = stage.rss_bytes() - before
        others = latency(await stage.crowd.ask("report"))
        usage = window.end()
        figures = {f"others_{name}": value for name, value in others.items()}
        return Outcome(figures | {"growth_mb": growth / 1e6} | await self._catch_up(stage, emitted), usage)

    async def _catch_up(self, stage: Stage, emitted: dict[str, int]) -> dict[str, float]:
        window = stage.window()
        await stage.crowd.ask("resume", first=0, count=SLOW)
        await stage.crowd.ask("caught_up", emitted=emitted, limit_s=CATCH_UP_S)
        seconds = window.end().seconds
        report = await stage.crowd.ask("report", emitted=emitted)
        figures = {name: float(report[name]) for name in ("lost", "repeated", "disordered", "closed")}
        return figures if report["lost"] else figures | {"catch_up_s": seconds}
