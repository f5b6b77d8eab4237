"""Reconnect while events flow: clients are cut and come back again and again, and the traffic never stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown, faults, latency
from bench.cases.traffic import SETTLE_S
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target

CLIENTS = 200
RATE = 50.0
CUTS = 3
AWAY_S = 0.3
BETWEEN_S = 1.0
OPEN_S = 20.0


@dataclass(frozen=True, slots=True)
class Flowing:
    """All come back to the other node."""

    targets: Sequence[Target]
    name: str = "reconnect-flowing"
    title: str = f"Reconnect while events flow: 1 room, {CLIENTS} clients cut {CUTS} times, {RATE:.0f} events/s"
    runs: int = 99
    limit_s: float = 90.0
    shown: Sequence[Shown] = (
        Shown("reconnects", "reconnects", less=False),
        Shown("recovered", "told “recovered”", less=False),
        Shown("lost", "lost"),
        Shown("repeated", "repeated"),
        Shown("disordered", "out of order"),
    )

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(1)
        await stage.admit([rooms] * CLIENTS)
        await stage.publish_to(rooms)
        await stage.publisher.ask("burst", per_room=10)
        await stage.settle(SETTLE_S)
        window = stage.window()
        seconds = CUTS * (AWAY_S + BETWEEN_S) + BETWEEN_S
        publishing = asyncio.create_task(stage.publisher.ask("pace", rate=RATE, seconds=seconds))
        recovered = 0
        for number in range(CUTS):
            await asyncio.sleep(BETWEEN_S)
            await stage.crowd.ask("cut", first=0, count=CLIENTS)
            await asyncio.sleep(AWAY_S)
            urls = stage.running.urls
            urls = urls[(number + 1) % len(urls) :] + urls[: (number + 1) % len(urls)]
            back = await stage.crowd.ask("back", urls=urls, first=0, count=CLIENTS, emitted={}, limit_s=OPEN_S)
            recovered += back["recovered"]
        await publishing
        await stage.settle(SETTLE_S)
        usage = window.end()
        report = await stage.crowd.ask("report", emitted=await stage.emitted())
        counts = {"reconnects": float(CUTS * CLIENTS), "recovered": float(recovered)}
        return Outcome(counts | faults(report) | latency(report), usage)
