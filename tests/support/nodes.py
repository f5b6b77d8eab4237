"""Real nodes and workers for the tests: as processes that can be killed, or inside the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import jwt
import pytest
import uvicorn
from psycopg.conninfo import conninfo_to_dict

from app.main import create_app
from app.node import Node
from app.settings import Settings
from tests.support.valkey import ValkeyServer, free_port

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret of the tests that is long enough"
DEADLINE_S = 30.0
START_S = 90.0
"""A node that ends instead of starting fails its test at once: only a machine that does much else takes so long."""
FAST = "app.wire:WebSocketProtocol"
PLAIN = "websockets-sansio"
WEBSOCKETS = os.environ.get("ROOMLOG_TEST_WEBSOCKETS", FAST)
"""What the tests' nodes serve WebSockets with. PLAIN shows that nothing depends on the fast path."""
SETTINGS = dict(word.split("=", 1) for word in os.environ.get("ROOMLOG_TEST_SETTINGS", "").split())
"""Settings of all nodes and workers where a test has none of its own: `tail_pause_ms=0 history_bytes=0 …`."""


def token(user_id: str = "alice", **claims: Any) -> str:
    """A valid token. Claims may be replaced; one that is None is left out."""
    body = {"id": user_id, "name": user_id.title(), "role": "user", "iat": int(time.time()), "jti": os.urandom(4).hex()}
    return jwt.encode({k: v for k, v in (body | claims).items() if v is not None}, SECRET, algorithm="HS256")


def bearer(user_id: str = "alice", **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(user_id, **claims)}"}


async def eventually(condition: Callable[[], Any] | Callable[[], Awaitable[Any]], deadline_s: float = 15.0) -> Any:
    """Wait until a condition is true and return its value; fail with its last value after the deadline."""
    deadline = time.monotonic() + deadline_s
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {deadline_s} s: last value {value!r}"
        await asyncio.sleep(0.01)


def as_url(conninfo: str) -> str:
    """A PostgreSQL URL from a conninfo string."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts.get('user', 'postgres')}@/{parts['dbname']}?host={parts['host']}"


@contextmanager
def no_sigterm() -> Iterator[None]:
    """A node that has lost a task ends its process, here the tests' own: make that a failure instead."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not heard, "a node inside the test ended its process: its log says why"


@dataclass
class Process:
    """A node or a worker as a process of its own, its output in a file that a failing test shows."""

    arguments: list[str]
    env: dict[str, str]
    port: int = 0
    host: str = "127.0.0.1"
    output: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("w+"))  # noqa: SIM115  # Fleet.stop closes it
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Start it; does not wait. May be called again after `kill`."""
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments],
            env=self.env,
            cwd=ROOT,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            text=True,
        )

    async def ready(self) -> None:
        """Wait until the node answers /livez."""
        async with httpx.AsyncClient(trust_env=False) as client:

            async def alive() -> bool:
                assert self.process is not None
                assert self.process.poll() is None, self.text()
                try:
                    return (await client.get(f"{self.url}/livez", timeout=2)).is_success
                except httpx.TransportError:
                    return False

            await eventually(alive, START_S)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(DEADLINE_S)
            self.kill()
        return self.process.returncode

    def text(self) -> str:
        """Everything that it printed."""
        self.output.seek(0)
        return self.output.read()


@dataclass
class Fleet:
    """Servers of one test and the processes that it starts on them. Settings are environment variables.

    websockets: what nodes `inside` serve them with.
    """

    redis_url: str
    database_url: str
    key_prefix: str
    processes: list[Process] = field(default_factory=list)
    websockets: str = WEBSOCKETS

    def env(self, **settings: Any) -> dict[str, str]:
        """The environment of a process of this fleet."""
        clean = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")}
        ours = {
            "REDIS_URL": self.redis_url,
            "DATABASE_URL": self.database_url,
            "REDIS_KEY_PREFIX": self.key_prefix,
            "WEBUI_SECRET_KEY": SECRET,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "DRAIN_SECONDS": "0",
        }
        return clean | ours | {name.upper(): str(value) for name, value in (SETTINGS | settings).items()}

    async def node(self, **settings: Any) -> Process:
        """A node as a process, ready."""
        return await self.node_at("127.0.0.1", free_port(), **settings)

    async def node_at(self, host: str, port: int, **settings: Any) -> Process:
        """The same, at an address of its own."""
        plain = [
            "-m",
            "uvicorn",
            "app.main:app",
            "--ws",
            PLAIN,
            "--host",
            host,
            "--port",
            str(port),
            "--timeout-graceful-shutdown",
            "5",
        ]
        serve = ["-m", "cli.main", "serve", "--host", host, "--port", str(port)]
        node = Process(plain if WEBSOCKETS == PLAIN else serve, self.env(**settings), port, host)
        self.processes.append(node)
        node.start()
        await node.ready()
        return node

    def worker(self, **settings: Any) -> Process:
        """A worker as a process; it is started, not waited for."""
        worker = Process(["-m", "workers"], self.env(**settings))
        self.processes.append(worker)
        worker.start()
        return worker

    @asynccontextmanager
    async def inside(self, **settings: Any) -> AsyncIterator[LocalNode]:
        """A node inside the test's own loop, behind a real uvicorn."""
        given = Settings(
            redis_url=self.redis_url,
            database_url=self.database_url,
            redis_key_prefix=self.key_prefix,
            webui_secret_key=SECRET,
            **(SETTINGS | settings),
        )
        app = create_app(given)
        port = free_port()
        config = uvicorn.Config(app, port=port, ws=self.websockets, log_level="warning", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        with no_sigterm():
            serving = asyncio.create_task(server.serve())
            await eventually(lambda: server.started or serving.done(), DEADLINE_S)
            try:
                yield LocalNode(app.state.node, port)
            finally:
                server.should_exit = True
                await serving

    def stop_processes(self) -> None:
        """Stop them all; what they printed can still be read."""
        for process in self.processes:
            process.stop()

    def stop(self) -> None:
        self.stop_processes()
        for process in self.processes:
            process.output.close()


@dataclass(frozen=True)
class LocalNode:
    """A node inside the test's loop: its parts, and where it listens."""

    node: Node
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def fleet(valkey: ValkeyServer, database_url: str, key_prefix: str) -> Iterator[Fleet]:
    """This test's own keys and database on the session's servers."""
    made = Fleet(valkey.url, as_url(database_url), key_prefix)
    yield made
    made.stop()


@pytest.fixture
def own_fleet(own_valkey: ValkeyServer, database_url: str) -> Iterator[Fleet]:
    """The same on a Valkey of this test alone."""
    made = Fleet(own_valkey.url, as_url(database_url), "own")
    yield made
    made.stop()


class Api:
    """HTTP calls of one user to one node."""

    def __init__(self, url: str, user_id: str = "alice", **claims: Any) -> None:
        self.client = httpx.AsyncClient(base_url=url, headers=bearer(user_id, **claims), trust_env=False, timeout=30)

    async def new_chat(self, title: str = "A chat") -> str:
        """Create a chat; returns its id."""
        answer = await self.client.post("/api/v1/chats/new", json={"title": title})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    async def emit(self, chat_id: str, kind: str, data: Any, message_id: str = "m1", **options: Any) -> str:
        """Emit an event of a message; returns its position."""
        path = f"/api/v1/chats/{chat_id}/messages/{message_id}/event"
        answer = await self.client.post(path, json={"type": kind, "data": data}, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["position"])

    async def chat(self, chat_id: str) -> Any:
        answer = await self.client.get(f"/api/v1/chats/{chat_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def aclose(self) -> None:
        await self.client.aclose()
