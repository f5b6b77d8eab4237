"""The goals: limits on figures, most of them on ratios to peers in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.results import Results

US = "Roomlog"
NODE = ("Node socket.io (ioredis)", "Node socket.io (redis)")
PYSIO = ("python-socketio",)
OWUI = ("Open WebUI's set-up",)
FLOOR = ("raw sockets (floor)",)


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit on `figure` of `target` in `case`. peers: the limit is on the ratio to the better of these; none: on the
    figure itself. sign: "≤" or "≥". plus: what the peer's figure is given on top first."""

    text: str
    case: str
    figure: str
    sign: str
    limit: float
    peers: tuple[str, ...] = ()
    target: str = US
    peer_figure: str = ""
    plus: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """value: what is compared with the limit; None when it was not measured."""

    goal: Goal
    value: float | None

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.goal.limit if self.goal.sign == "≤" else self.value >= self.goal.limit

    @property
    def shown(self) -> str:
        return "not measured" if self.value is None else f"{self.value:.3g}"

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "–"
        if self.met:
            return "**met**"
        if not self.goal.limit or not self.value:
            return "missed"
        apart = self.value / self.goal.limit if self.goal.sign == "≤" else self.goal.limit / self.value
        return f"missed by × {apart:.2f}"


def judge(results: Results, goals: Sequence[Goal]) -> list[Judged]:
    """All goals."""
    return [Judged(goal, _value(results, goal)) for goal in goals]


def _value(results: Results, goal: Goal) -> float | None:
    ours = results.figure(goal.case, goal.target, goal.figure)
    if ours is None:
        return None
    if not goal.peers:
        return ours.median
    found = [results.figure(goal.case, peer, goal.peer_figure or goal.figure) for peer in goal.peers]
    theirs = [peer.median for peer in found if peer is not None]
    if not theirs:
        return None
    best = (min(theirs) if goal.sign == "≤" else max(theirs)) + goal.plus
    return ours.median / best if best else None


def _persisted(case: str, chats: str) -> tuple[Goal, Goal]:
    peer = ("Open WebUI's emitter",)
    text = f"persisted token, {chats}: SQL bytes, × Open WebUI's emitter"
    cpu = "… CPU of emit and fold, × Open WebUI's emitter"
    return (
        Goal(text, case, "sql_bytes_per_event", "≤", 0.01, peer),
        Goal(cpu, case, "emit_and_fold_us_per_event", "≤", 0.05, peer),
    )


GOALS = (
    Goal("fan-out saturated, CPU per delivery, × Node", "fanout", "saturated servers_us_per_delivery", "≤", 1.0, NODE),
    Goal("… × python-socketio", "fanout", "saturated servers_us_per_delivery", "≤", 0.17, PYSIO),
    Goal("… × floor (moonshot)", "fanout", "saturated servers_us_per_delivery", "≤", 1.0, FLOOR),
    Goal("fan-out at 20 events/s, CPU per delivery, × Node", "fanout", "paced servers_us_per_delivery", "≤", 0.7, NODE),
    Goal("… × floor (moonshot)", "fanout", "paced servers_us_per_delivery", "≤", 1.15, FLOOR),
    Goal(
        "streaming at 20 events/s, CPU per event, × Node", "streaming", "paced servers_us_per_delivery", "≤", 0.4, NODE
    ),
    Goal("… × Node (moonshot)", "streaming", "paced servers_us_per_delivery", "≤", 0.25, NODE),
    Goal("streaming saturated, events/s, × Node", "streaming", "saturated deliveries_per_s", "≥", 1.0, NODE),
    Goal("… × Open WebUI's set-up", "streaming", "saturated deliveries_per_s", "≥", 3.0, OWUI),
    Goal("… × Node (moonshot)", "streaming", "saturated deliveries_per_s", "≥", 1.5, NODE),
    Goal("p99 of fan-out, × (Node's + 3 ms)", "fanout", "paced p99_ms", "≤", 1.0, NODE, plus=3.0),
    Goal("p99 of streaming, × (Node's + 3 ms)", "streaming", "paced p99_ms", "≤", 1.0, NODE, plus=3.0),
    Goal("… with the pause at 0, × Node's", "streaming", "paced p99_ms", "≤", 1.0, NODE, "Roomlog, no pause"),
    Goal(
        "8 nodes: a foreign event on a node, µs", "fleet", "foreign_us_per_event", "≤", 5.0, target="Roomlog, 8 nodes"
    ),
    Goal("reconnect, 200 clients of a room: lost or repeated", "reconnect", "200 wrong", "≤", 0.0),
    Goal("… seconds to the last event", "reconnect", "200 seconds", "≤", 0.4),
    Goal("… of 1,000 clients (moonshot)", "reconnect", "1000 seconds", "≤", 1.0),
    Goal("reconnect, 50 clients over 200 rooms: lost or repeated", "reconnect-rooms", "50 wrong", "≤", 0.0),
    Goal("… seconds to the last event", "reconnect-rooms", "50 seconds", "≤", 0.5),
    Goal("… of 1,000 clients (moonshot)", "reconnect-rooms", "1000 seconds", "≤", 3.0),
    *_persisted("tokens", "new chat"),
    *_persisted("tokens-medium", "chat of 100 KB"),
    *_persisted("tokens-long", "chat of 400 KB"),
    Goal("the Python emitter in bursts, CPU µs an event", "tokens", "burst emit_us_per_event", "≤", 40.0),
    Goal("the worker keeps up, deltas/s of 200 streams", "tokens", "burst deltas_per_s", "≥", 20_000),
    Goal(
        "rooms 10 → 100,000: cost per event, × that of 10",
        "rooms",
        "most_to_least",
        "≤",
        1.3,
        target="Roomlog, no worker",
    ),
    Goal("RSS of 1,000 idle connections, × Node's", "idle", "rss_mb_per_1000", "≤", 1.0, NODE),
    Goal("… × Node's (moonshot)", "idle", "rss_mb_per_1000", "≤", 0.5, NODE),
)
