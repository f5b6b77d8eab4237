"""Talking to a child process: one JSON object a line, a request and its answer."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINE_BYTES = 1 << 24
STOP_S = 5.0

Command = Callable[..., Awaitable[Mapping[str, Any]]]


class RemoteError(Exception):
    """The child could not do what it was asked, or is gone."""


class Remote:
    """A child process `python -m module`, or `command`, as its parent sees it."""

    def __init__(self, module: str, env: Mapping[str, str], command: Sequence[str] = ()) -> None:
        self._module = module
        self._command = command or (sys.executable, "-m", module)
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it; it takes requests as soon as it runs."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **self._env},
            cwd=ROOT,
            limit=LINE_BYTES,
        )

    async def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have it do a command. Raises RemoteError. One at a time: not to be cancelled and used again."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RemoteError(f"{self._module} ended during {command!r}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RemoteError(f"{self._module}: {command}: {answer['error']}")
        return answer

    async def stop(self) -> None:
        """End it; it is gone when this returns."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def obey(commands: Mapping[str, Command]) -> None:
    """The child's side: read requests from stdin and answer them until it closes."""
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        request = json.loads(line)
        try:
            answer = await commands[request.pop("command")](**request)
        except Exception as fault:  # noqa: BLE001  # the parent is told, and decides
            answer = {"error": f"{type(fault).__name__}: {fault}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
