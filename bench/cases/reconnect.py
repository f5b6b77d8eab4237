"""Reconnect: clients are cut, events go on, and the clients come back in waves: what did they get, and how soon?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Outcome, Shown
from bench.cases.traffic import SETTLE_S
from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target

MISSED = 500
LIVE_EVENTS = 10
"""Of every room, before the cut, so that everybody has a position, and after the last wave, for who is back."""

NOTICED_S = 1.0
"""A server needs to notice that its clients are gone: Node keeps their sessions only then."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """rooms: client c is in room c % rooms. waves: how many clients come back at a time; those of the quick plan.
    wave_limit_s: how long a wave may take; behind one that was not complete no further one is tried."""

    name: str
    title: str
    targets: Sequence[Target]
    rooms: int
    waves: Sequence[int]
    wave_limit_s: float = 15.0
    runs: int = 99
    limit_s: float = 240.0

    @property
    def shown(self) -> Sequence[Shown]:
        return [
            shown
            for wave in self.waves
            for shown in (
                Shown(f"{wave} seconds", f"{wave} clients: s to the last"),
                Shown(f"{wave} lost", f"{wave}: lost"),
                Shown(f"{wave} repeated", f"{wave}: repeated", plotted=False),
                Shown(f"{wave} disordered", f"{wave}: out of order", plotted=False),
            )
        ] + [Shown("nodes_rss_mb", "nodes, MB"), Shown("redis_mb", "Redis at worst, MB")]

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        rooms = await stage.running.rooms(self.rooms)
        clients = sum(self.waves)
        await stage.admit([[rooms[number % self.rooms]] for number in range(clients)])
        await stage.publish_to(rooms)
        await stage.publisher.ask("burst", per_room=LIVE_EVENTS)
        await stage.settle(SETTLE_S)
        await stage.crowd.ask("cut", first=0, count=clients)
        await asyncio.sleep(NOTICED_S)
        burst = await stage.publisher.ask("burst", per_room=MISSED)
        window = stage.window()
        figures = await self._waves(stage)
        usage = window.end()
        figures |= {f"{role}_cpu_s": seconds for role, seconds in usage.cpu_s.items()}
        figures |= {
            "emit_events_per_s": burst["events"] / burst["seconds"],
            "nodes_rss_mb": stage.rss_bytes() / 1e6,
            "redis_mb": await stage.redis_number("used_memory_peak") / 1e6,
        }
        return Outcome(figures, usage)

    async def _waves(self, stage: Stage) -> dict[str, float]:
        figures: dict[str, float] = {}
        emitted, first = await stage.emitted(), 0
        for wave in self.waves:
            back = await stage.crowd.ask(
                "back", urls=stage.running.urls, first=first, count=wave, emitted=emitted, limit_s=self.wave_limit_s
            )
            first += wave
            complete = not back["behind"] and not back["refused"]
            figures |= {f"{wave} {name}": float(back[name]) for name in back if name != "seconds"}
            figures[f"{wave} wrong"] = sum(back[name] for name in ("lost", "repeated", "disordered"))
            if not complete:
                break
            figures[f"{wave} seconds"] = back["seconds"]
        return figures
