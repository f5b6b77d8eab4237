"""Server processes of the benchmark: started, awaited, stopped, their output kept for when they fail."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.remote import ROOT
from embedded.process import die_with_parent, stop

READY_S = 60.0
POLL_S = 0.02
STOP_S = 5.0
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a server sees of our own environment: no setting of the caller's shell changes what is measured."""


class DidNotStart(Exception):
    """A server of the benchmark ended, or was not ready in time. The text has the end of its output."""


@dataclass(slots=True)
class Program:
    """role: under which its CPU is counted ("node", "redis", "worker" …). port: 0 for one that does not listen."""

    role: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    cwd: Path = ROOT
    process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self) -> None:
        """Start it; does not wait until it is ready. It does not outlive us (Linux)."""
        clean = {name: value for name, value in os.environ.items() if name in KEPT}
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env={**clean, **self.env},
                cwd=self.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    async def until(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        """Wait until it is ready. Raises DidNotStart."""
        assert self.process is not None
        deadline = time.monotonic() + READY_S
        while not await is_ready():
            if self.process.returncode is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise DidNotStart(f"{' '.join(self.command)} (exit {self.process.returncode}):\n{tail}")
            await asyncio.sleep(POLL_S)

    async def until_listening(self) -> None:
        """Wait until somebody takes connections at its port. Raises DidNotStart."""
        await self.until(lambda: _listens(self.port))

    async def stop(self) -> None:
        """Kill it, which has nothing to lose and would take time for its leave; it is gone when this returns.

        May be called twice.
        """
        if self.process is not None:
            await stop(self.process, signal.SIGKILL, STOP_S)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
