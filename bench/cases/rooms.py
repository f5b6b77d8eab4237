"""Rooms per node: what an event costs when the nodes' clients are in few rooms, and in very many."""

from __future__ import annotations

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
from bench.targets.seeds import claim
from bench.window import Usage

VIEWERS = 110
ROOMS_EACH = 999
"""Of a viewer; by default a session may be in 1,000 rooms, and is in its user's."""

RATE = 2000.0
JOIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """Viewers (admins) join the chats of others; events of a chat reach its viewer by the copy in the chat's room.

    sizes: numbers of rooms, growing within one run.
    """

    targets: Sequence[Target]
    sizes: Sequence[int]
    name: str = "rooms"
    title: str = (
        f"Rooms of 2 nodes: {VIEWERS} clients in ever more rooms, {RATE:,.0f} events/s over all of them in turn"
    )
    runs: int = 1
    limit_s: float = 420.0

    @property
    def shown(self) -> Sequence[Shown]:
        figures = [
            Shown(f"{size} servers_us_per_delivery", f"{size:,} rooms: nodes and Redis, µs") for size in self.sizes
        ]
        last = f"{self.sizes[-1]:,}"
        return [
            *figures,
            Shown("most_to_least", f"× at {last}"),
            Shown("join_ms", "a join: nodes, CPU ms"),
            Shown("joins_per_s", "joins/s", less=False),
            Shown("rss_kb_per_room", "nodes' memory a room, KB"),
        ]

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        most = self.sizes[-1]
        rooms = [Room(n, f"chat:c{n}", f"o{n}", f"c{n}", f"m{n}") for n in range(most)]
        await claim(stage.place.redis_url, {room.chat: room.user for room in rooms})
        members = [
            {"auth": {"token": token(f"viewer{viewer}", "admin")}, "rooms": [r.number for r in rooms[viewer::VIEWERS]]}
            for viewer in range(VIEWERS)
        ]
        await stage.crowd.ask("open", urls=stage.running.urls, members=members)
        await stage.publish_to(rooms)
        figures: dict[str, float] = {}
        usage: Usage | None = None
        base = stage.rss_bytes()
        for before, size in pairwise((0, *self.sizes)):
            figures |= await self._join(stage, rooms[before:size])
            await stage.publisher.ask("burst", per_room=1, rooms=size)  # no room's first event is measured
            await stage.settle(SETTLE_S)
            measured, usage = await paced(stage, plan, RATE, rooms=size)
            figures |= {f"{size} {name}": value for name, value in measured.items()}
        assert usage is not None
        first, last = (figures[f"{size} servers_us_per_delivery"] for size in (self.sizes[0], most))
        growth_kb = (stage.rss_bytes() - base) / 1e3 / most
        return Outcome(figures | {"most_to_least": last / first, "rss_kb_per_room": growth_kb}, usage)

    async def _join(self, stage: Stage, rooms: Sequence[Room]) -> dict[str, float]:
        """Every room is joined by its viewer."""
        window = stage.window()
        calls = [
            [room.number % VIEWERS, "events:chat", {"chat_id": room.chat, "data": {"type": "join"}}] for room in rooms
        ]
        answer = await stage.crowd.ask("call", calls=calls, limit_s=JOIN_S)
        usage = window.end()
        return {
            "joins_refused": float(answer["refused"]),
            "joins_per_s": len(rooms) / answer["seconds"],
            "join_ms": usage.cpu_s["node"] / len(rooms) * 1000,
        }
