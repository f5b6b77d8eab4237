"""The stage of one run: a fresh Valkey, one target on it, a crowd and a publisher, and nothing else of ours at work."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import kernel
from bench.program import Program
from bench.publisher.payload import Room
from bench.remote import Remote
from bench.servers import Postgres, ask_redis, info_number, valkey
from bench.targets.base import Place, Running, Target
from bench.window import Window

PAYLOAD_BYTES = 210
"""Of a token delta with its envelope, as in the research on the peers."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """seconds: what connecting took. inflating: how many of all clients are sent compressed messages."""

    seconds: float
    inflating: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What a case acts on."""

    place: Place
    running: Running
    redis: Program
    crowd: Remote
    publisher: Remote
    postgres: Postgres

    def window(self) -> Window:
        """Begin to measure."""
        roles: dict[str, list[int]] = {"redis": [self.redis.pid]}
        roles |= {"crowd": [self.crowd.pid], "publisher": [self.publisher.pid]}
        for program in self.running.programs:
            roles.setdefault(program.role, []).append(program.pid)
        return Window(roles, {"postgres": self.postgres.pid})

    def rss_bytes(self, role: str = "node") -> int:
        """Resident memory of all processes of a role."""
        return sum(kernel.rss_bytes(program.pid) for program in self.running.programs if program.role == role)

    async def redis_number(self, name: str) -> int:
        """A number of Redis' INFO."""
        return info_number(await ask_redis(self.place.redis_port, "INFO"), name)

    async def admit(
        self, members: Sequence[Sequence[Room]], small_buffers: bool = False, deflate: bool = False
    ) -> Admitted:
        """Connect one client for each of these sets of rooms, spread over the nodes.

        small_buffers: they take little before the server notices that they do not read. deflate: they offer it.
        """
        described = [{"auth": self.running.auth(rooms), "rooms": [room.number for room in rooms]} for rooms in members]
        options = {"small_buffers": small_buffers, "deflate": deflate}
        answer = await self.crowd.ask("open", urls=self.running.urls, members=described, **options)
        return Admitted(answer["seconds"], answer["inflating"])

    async def publish_to(self, rooms: Sequence[Room], size: int = PAYLOAD_BYTES, kind: str = "") -> None:
        """Let the publisher emit to these rooms from now on. kind: another way than the target's own."""
        named = [
            {"number": r.number, "name": r.name, "user": r.user, "chat": r.chat, "message": r.message} for r in rooms
        ]
        await self.publisher.ask(
            "use",
            kind=kind or self.running.kind,
            redis_url=self.place.redis_url,
            database_url=self.running.database_url,
            urls=self.running.urls,
            rooms=named,
            size=size,
        )

    async def emitted(self) -> dict[str, int]:
        """Events of every room so far, by the room's number as text."""
        rooms: dict[str, int] = (await self.publisher.ask("emitted"))["rooms"]
        return rooms

    async def settle(self, limit_s: float) -> dict[str, Any]:
        """Wait until every client has everything that was emitted."""
        return await self.crowd.ask("caught_up", emitted=await self.emitted(), limit_s=limit_s)

    @property
    def credits(self) -> str:
        """Where the crowd pays the publisher of a closed loop."""
        return str(self.place.folder / "credits")


@asynccontextmanager
async def stage(target: Target, postgres: Postgres) -> AsyncIterator[Stage]:
    """A stage for one run of a case; everything on it is gone afterwards. Raises DidNotStart."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roomlog-bench-")))
        redis = valkey(folder)
        stack.push_async_callback(redis.stop)
        await redis.start()
        await redis.until_listening()
        crowd, publisher = Remote("bench.crowd", {}), Remote("bench.publisher", {})
        for remote in (crowd, publisher):
            stack.push_async_callback(remote.stop)
            await remote.start()
        place = Place(folder, redis.port, postgres)
        running = await target.start(place)
        stack.push_async_callback(running.stop)
        yield Stage(place, running, redis, crowd, publisher, postgres)
