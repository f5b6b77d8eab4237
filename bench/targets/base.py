"""What every target offers to the cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.program import Program
from bench.publisher.payload import Room
from bench.servers import Postgres

NODES = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target runs for one turn. folder: for its logs."""

    folder: Path
    redis_port: int
    postgres: Postgres

    @property
    def redis_url(self) -> str:
        return f"redis://127.0.0.1:{self.redis_port}"


class Running(Protocol):
    """A target at work."""

    @property
    def kind(self) -> str:
        """How the publisher emits to it: see `Publisher.use`."""

    @property
    def database_url(self) -> str:
        """Where a publisher that stores by itself does so; "" for all others."""

    @property
    def programs(self) -> Sequence[Program]:
        """All of its processes, ready."""

    @property
    def urls(self) -> list[str]:
        """WebSocket URLs of the nodes that clients are to use."""

    async def rooms(self, count: int) -> list[Room]:
        """Make so many rooms, numbered from 0; each has a chat of its own to answer in."""

    def auth(self, rooms: Sequence[Room]) -> dict[str, Any]:
        """What a client that is to be in these rooms sends when it connects."""

    async def stop(self) -> None:
        """Stop all processes. May be called twice."""


class Target(Protocol):
    """A server that is measured."""

    @property
    def name(self) -> str:
        """As the tables have it."""

    async def start(self, place: Place) -> Running:
        """Start it; it is ready when this returns. Raises DidNotStart."""


def node_urls(programs: Sequence[Program], path: str, role: str = "node") -> list[str]:
    """The WebSocket URLs of a target's nodes."""
    return [f"ws://127.0.0.1:{p.port}{path}?EIO=4&transport=websocket" for p in programs if p.role == role]


async def stop_all(programs: Sequence[Program]) -> None:
    """Stop processes, the last that was started first."""
    for program in reversed(programs):
        await program.stop()
