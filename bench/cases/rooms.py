"""Rooms per node: what an event costs when the nodes' clients are in few rooms, and in very many."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.cases.base import Outcome, Shown
from bench.cases.traffic import SETTLE_S, paced
from bench.plan import Plan
from bench.publisher.payload import Room
from bench.stage import Stage
from bench.targets.base import Target
from bench.targets.roomlog import token
from bench.window import Usage

MEMBERS = 110
"""Clients. Each is in its share of the rooms: by default a session may be in 1,000, and is in its user's."""

RATE = 2000.0
SLICE = 5000
"""Rooms that are entered before the nodes are given time to write it into their sessions' records."""

WINDOWS = 3
COST = "servers_us_per_delivery"

ENTER_S = 200.0
"""From the start; rooms that are not entered by then are left out."""

REST_S = 10.0

QUIET_SHARE = 0.1
QUIET_S = 0.2
PATIENCE_S = 60.0
"""Nodes have done what they do in the background when they use less of a CPU for so long; waited for at most."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Clients are put into rooms by orders to all nodes, as `enter_room_for_users` gives them: joins by the clients
    would take minutes, and what is asked here is what an event costs then.

    sizes: numbers of rooms, growing within one run.
    """

    targets: Sequence[Target]
    sizes: Sequence[int]
    name: str = "rooms"
    title: str = (
        f"Rooms of 2 nodes: {MEMBERS} clients in ever more rooms, {RATE:,.0f} events/s over all of them in turn"
    )
    runs: int = 1
    limit_s: float = 300.0

    @property
    def shown(self) -> Sequence[Shown]:
        figures = [Shown(f"{size} {COST}", f"{size:,} rooms: nodes and Redis, µs") for size in self.sizes]
        last = f"{self.sizes[-1]:,}"
        return [
            *figures,
            Shown("most_to_least", f"× at {last}"),
            Shown("enter_ms", "put into a room: nodes, CPU ms"),
            Shown("entered_per_s", "put into rooms/s", less=False),
            Shown("rest_cpu_share", "without events: nodes and Redis, CPUs"),
            Shown("rss_kb_per_room", "nodes' memory a room, KB"),
        ]

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        most = self.sizes[-1]
        rooms = [Room(n, f"channel:c{n}", f"member{n % MEMBERS}", f"c{n}", f"m{n}") for n in range(most)]
        members = [
            {"auth": {"token": token(f"member{member}")}, "rooms": [r.number for r in rooms[member::MEMBERS]]}
            for member in range(MEMBERS)
        ]
        await stage.crowd.ask("open", urls=stage.running.urls, members=members)
        await stage.publish_to(rooms, kind="rooms")
        figures: dict[str, float] = {}
        usage: Usage | None = None
        base = stage.rss_bytes()
        deadline = time.monotonic() + ENTER_S
        for before, size in pairwise((0, *self.sizes)):
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                    figures |= await _enter(stage, rooms[before:size])
            except TimeoutError:
                break  # what was measured with fewer is kept; the goal stays open
            measured, usage = await _windows(stage, plan, size)
            figures |= {f"{size} {name}": value for name, value in measured.items()} | {"rooms": size}
            figures["rss_kb_per_room"] = (stage.rss_bytes() - base) / 1e3 / size
        if usage is None:
            raise TimeoutError("not even the first rooms were entered")
        figures |= await _at_rest(stage)
        costs = [figures.get(f"{size} {COST}", math.nan) for size in (self.sizes[0], most)]
        return Outcome(figures | {"most_to_least": costs[1] / costs[0]}, usage)


async def _enter(stage: Stage, rooms: Sequence[Room]) -> dict[str, float]:
    """Every room's client is put into it. When it is cancelled the publisher is of no use any more."""
    window = stage.window()
    for start in range(0, len(rooms), SLICE):
        named = [[room.name, room.user] for room in rooms[start : start + SLICE]]
        await stage.publisher.ask("enter", rooms=named)
        await _quiet(stage)
    usage = window.end()
    return {"entered_per_s": len(rooms) / usage.seconds, "enter_ms": usage.cpu_s["node"] / len(rooms) * 1000}


async def _windows(stage: Stage, plan: Plan, size: int) -> tuple[dict[str, float], Usage]:
    """Measured several times, because it is entered once only: the window whose cost is the median."""
    await stage.publisher.ask("burst", per_room=1, rooms=size)  # no room's first event is measured
    await stage.settle(SETTLE_S)
    found = [await paced(stage, plan, RATE, rooms=size) for _ in range(WINDOWS)]
    return sorted(found, key=lambda window: window[0][COST])[WINDOWS // 2]


async def _at_rest(stage: Stage) -> dict[str, float]:
    """What the nodes and Redis do for all these rooms without any event: presence is kept alive every ten seconds."""
    window = stage.window()
    await asyncio.sleep(REST_S)
    usage = window.end()
    return {"rest_cpu_share": (usage.cpu_s["node"] + usage.cpu_s["redis"]) / usage.seconds}


async def _quiet(stage: Stage) -> None:
    """Wait until the nodes have nothing left to do."""
    async with asyncio.timeout(PATIENCE_S):
        share = 1.0
        while share > QUIET_SHARE:
            window = stage.window()
            await asyncio.sleep(QUIET_S)
            share = window.end().cpu_s["node"] / QUIET_S
