"""The servers, two nodes and a worker of a demo, in a data folder of its own that is removed at the end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

import httpx
import jwt
import psutil

from app.settings import Settings
from cli.demo.waiting import until
from cli.dev import ready
from cli.errors import CommandError
from cli.token import claims
from embedded import EmbeddedError, development_secret, lease
from embedded.children import Child, Program, roomlog
from embedded.folder import Folder

PREFIX = "roomlog-demo-"
PORTS = range(15_000, 32_000)  # below those that the system gives to outgoing links: a dead node's port stays free
NODES = 2
READY_S = 180.0
SERVERS_END_S = 30.0
POLL_S = 0.1
LOG_LINES = 40
TOKEN_TTL_S = 3_600
STOP_WAIT_S = 25  # below the patience of an HTTP call; a busy machine may need more than the default 10 s
_NONE: Mapping[str, str] = {}
CLAIM_AFTER_S = 2  # a killed worker's jobs are taken over after this, instead of the default 10 s


class QuietChild(Child):
    """A child whose output is kept, its last lines, instead of printed. kills: how often we killed it."""

    def __init__(self, program: Program, data_dir: Path, settings: Mapping[str, str]) -> None:
        command = (*environment(data_dir, settings), *program.command)
        super().__init__(Program(program.name, command), len(program.name))
        self.lines: deque[str] = deque(maxlen=LOG_LINES)
        self.kills = 0

    def say(self, text: str) -> None:
        self.lines.append(f"{self.label} | {text}")

    async def run(self) -> None:
        """As for every child; when it cannot run, CommandError says so with its last lines before."""
        try:
            await super().run()
        except EmbeddedError as error:
            raise CommandError("\n".join(["the end of its output:", *self.lines, str(error)])) from error

    async def strike(self) -> None:
        """SIGKILL, as soon as it runs; `run` starts it again."""
        await until(lambda: self.process is not None and self.process.returncode is None)
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.kills += 1


def environment(data_dir: Path, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The beginning of a command that gets no setting of ours but these, and the demo's own."""
    names = {name.upper() for name in Settings.model_fields}
    unset = [part for name in os.environ if name.upper() in names for part in ("-u", name)]
    ours = {
        "ROOMLOG_DATA_DIR": str(data_dir),
        "EMBEDDED_WORKER": "false",
        "CLAIM_AFTER_S": str(CLAIM_AFTER_S),
        "TASK_STOP_WAIT_S": str(STOP_WAIT_S),
        **settings,
    }
    return ("/usr/bin/env", *unset, *(f"{name}={value}" for name, value in ours.items()))


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo plays on. ports: of the nodes, in their order."""

    data_dir: Path
    database_url: str
    redis_url: str
    ports: list[int]
    nodes: list[QuietChild]
    worker: QuietChild

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def token(self, user: str) -> str:
        """A token for a user of this stage."""
        secret = development_secret(self.data_dir)
        return jwt.encode(claims(user, user.title(), "user", TOKEN_TTL_S), secret, algorithm="HS256")

    async def ready(self, number: int) -> None:
        """Wait until a node (by its place, from 0) says that it is ready. Raises CommandError."""
        deadline = time.monotonic() + READY_S
        async with httpx.AsyncClient(trust_env=False, timeout=READY_S) as client:
            while not await ready(client, self.urls[number]):
                if time.monotonic() > deadline:
                    raise CommandError(f"node {number + 1} is not ready after {READY_S:.0f} s\n{self.output()}")
                await asyncio.sleep(POLL_S)

    def output(self) -> str:
        """The last lines of every process."""
        return "\n".join(line for child in (*self.nodes, self.worker) for line in child.lines)


@asynccontextmanager
async def stage(settings: Mapping[str, str] = _NONE) -> AsyncIterator[Stage]:
    """A stage with everything ready. settings: of nodes and worker, by name.

    Raises CommandError or EmbeddedError, maybe in a group.
    """
    data_dir = await asyncio.to_thread(_fresh_folder)
    try:
        async with lease(data_dir) as servers:
            assert servers.database_url is not None
            assert servers.redis_url is not None
            ports = free_ports(NODES)
            programs = [
                roomlog(f"node{number}", "serve", "--host", "127.0.0.1", "--port", str(port))
                for number, port in enumerate(ports, 1)
            ]
            nodes = [QuietChild(program, data_dir, settings) for program in programs]
            worker = QuietChild(Program("worker", (sys.executable, "-m", "workers")), data_dir, settings)
            made = Stage(data_dir, servers.database_url, servers.redis_url, ports, nodes, worker)
            async with _running([*nodes, worker]):
                await asyncio.gather(*(made.ready(number) for number in range(NODES)))
                yield made
    finally:
        await asyncio.to_thread(_remove, data_dir)


@asynccontextmanager
async def _running(children: list[QuietChild]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(child.run()) for child in children]
        try:
            yield
        finally:
            await asyncio.gather(*(child.stop() for child in children))
            for task in running:
                task.cancel()


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address on which nobody listens now; others for two demos that start at once."""
    found: list[int] = []
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        if len(found) == count:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
    return found


def _fresh_folder() -> Path:
    """A name that is free, for the lease to make; first the folders of demos that were killed are removed."""
    parent = Path(tempfile.gettempdir()).resolve()
    _remove_orphans(parent)
    return parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"


def _remove(data_dir: Path) -> None:
    """Remove the folder, once the keeper of its servers has ended."""
    if not data_dir.exists():
        return
    folder = Folder(data_dir)
    _until_unused(folder)
    if folder.postgres.is_symlink():  # the cluster had to be put where its user can enter
        shutil.rmtree(folder.postgres.resolve().parent, ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)


def _until_unused(folder: Folder) -> None:
    """Wait for the keeper, which holds this lock for as long as it lives."""
    lock = os.open(folder.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + SERVERS_END_S
    try:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(POLL_S)
            else:
                return
    finally:
        os.close(lock)


def _remove_orphans(parent: Path) -> None:
    """Remove folders of demos that were killed before they could tidy up."""
    for place in parent.glob(f"{PREFIX}*"):
        pid = place.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)) and place.lstat().st_uid == os.geteuid():
            _remove(place)
