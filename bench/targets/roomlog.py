"""Us, as a user runs it: `roomlog serve` twice, a worker, tokens that are checked."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import jwt

from bench.program import Program, free_port
from bench.publisher.payload import Room
from bench.targets.base import NODES, Place, node_urls, stop_all

SECRET = "a secret of the benchmark that is long enough"
PATH = "/ws/socket.io/"
SERVE = ("-m", "cli.main", "serve")
UVICORN = ("-m", "uvicorn", "app.main:app", "--log-level", "warning", "--no-access-log")
"""As who starts the app without `roomlog serve` has it: it agrees to compression."""


AT_ONCE = 16
"""Chats that are made at a time."""


def token(user: str, role: str = "user") -> str:
    """A token of a user."""
    claims = {"id": user, "name": user, "role": role, "iat": int(time.time()), "jti": os.urandom(4).hex()}
    return jwt.encode(claims, SECRET, algorithm="HS256")


@dataclass(slots=True)
class RunningRoomlog:
    """A room is a user's; its chat is made over HTTP. idle: nodes that no client of a case is to use."""

    place: Place
    database: str
    programs: list[Program]
    kind: str = "roomlog"
    database_url: str = ""

    @property
    def urls(self) -> list[str]:
        return node_urls(self.programs, PATH)

    async def rooms(self, count: int) -> list[Room]:
        made = [Room(number, f"user:u{number}", f"u{number}", "", f"m{number}") for number in range(count)]
        return await self.with_chats(made, {"title": "Bench"}, "/api/v1/chats/new")

    async def with_chats(self, rooms: Sequence[Room], body: Any, path: str) -> list[Room]:
        """The rooms, each with a chat of its user that was made by `body`."""
        port = next(program.port for program in self.programs if program.role == "node")
        gate = asyncio.Semaphore(AT_ONCE)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:

            async def one(room: Room) -> Room:
                async with gate:
                    headers = {"Authorization": f"Bearer {token(room.user)}"}
                    answer = await client.post(path, json=body, headers=headers)
                answer.raise_for_status()
                return replace(room, chat=answer.json()["id"])

            return await asyncio.gather(*map(one, rooms))

    def auth(self, rooms: Sequence[Room]) -> dict[str, Any]:
        """One room each: a client is in the room of its user."""
        (room,) = rooms
        return {"token": token(room.user)}

    async def stop(self) -> None:
        await stop_all(self.programs)
        self.place.postgres.drop(self.database)


@dataclass(frozen=True, slots=True)
class Roomlog:
    """settings: environment of all its processes. idle: nodes more than the clients use, under the role "idle".
    worker_database_url: the worker's way to the database, if it is another. command: of a node, without its port.
    publishing: how the publisher emits."""

    name: str = "Roomlog"
    worker: bool = True
    idle: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    worker_database_url: str = ""
    command: tuple[str, ...] = SERVE
    publishing: str = "roomlog"

    async def start(self, place: Place) -> RunningRoomlog:
        return await self.start_on(place, place.postgres.create())

    async def start_on(self, place: Place, database: str) -> RunningRoomlog:
        """Start it on a database that is there, which goes with it."""
        env = {
            "REDIS_URL": place.redis_url,
            "DATABASE_URL": place.postgres.url_of(database),
            "WEBUI_SECRET_KEY": SECRET,
            "LOG_LEVEL": "WARNING",
            **self.settings,
        }
        programs = [self._node(place, number, env) for number in range(NODES + self.idle)]
        if self.worker:
            own = {"DATABASE_URL": self.worker_database_url} if self.worker_database_url else {}
            command = (sys.executable, "-m", "workers")
            programs.append(Program("worker", command, place.folder / "worker.log", {**env, **own}))
        running = RunningRoomlog(place, database, programs, self.publishing)
        try:
            for program in programs:
                await program.start()
            for program in programs:
                if program.port:
                    await program.until(lambda port=program.port: _is_ready(port))  # type: ignore[misc]
        except BaseException:
            await running.stop()
            raise
        return running

    def _node(self, place: Place, number: int, env: Mapping[str, str]) -> Program:
        port = free_port()
        command = (sys.executable, *self.command, "--port", str(port))
        role = "node" if number < NODES else "idle"
        return Program(role, command, place.folder / f"node{number}.log", env, port)


async def _is_ready(port: int) -> bool:
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
            return (await client.get(f"http://127.0.0.1:{port}/livez")).is_success
    except httpx.TransportError:
        return False
