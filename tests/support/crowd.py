"""Many cheap clients in a process of their own, driven over stdin and stdout by one JSON value a line.

`python -m tests.support.crowd`. In: {id, do, …}, see `Crowd`. Out: {id, result}. The least of Engine.IO 4 and Socket.IO
5 that a server wants, with the client half of connection state recovery. Every room's events are numbered from 0 on:
what a client misses, sees twice or out of order is a fault.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

LINE_BYTES = 32 << 20
OPEN_S = 60.0
AGAIN_S = (0.2, 1.0)
"""Between such bounds a client waits before it tries again, as a stock one does, only sooner."""


@dataclass
class Member:
    """One client. next: the number that it is owed now; None: whatever comes, as behind a reset.

    resets: [position of the reset, the first number that came behind it].
    """

    url: str
    user: str
    token: str
    pid: str | None = None
    offset: str | None = None
    next: int | None = 0
    connected: bool = False
    trouble: str = ""
    recovered: int = 0
    resets: list[list[Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def stay(self, gate: asyncio.Event) -> None:
        """Be connected whenever the gate is open; never returns."""
        while True:
            await gate.wait()
            try:
                async with connect(
                    f"{self.url.replace('http', 'ws', 1)}/ws/socket.io/?EIO=4&transport=websocket",
                    compression=None,
                    ping_interval=None,
                    open_timeout=OPEN_S,
                    proxy=None,
                ) as link:
                    async for frame in link:
                        await self._take(link, frame)
            except (OSError, WebSocketException, TimeoutError) as fault:
                self.trouble = repr(fault)  # it comes back
            self.connected = False
            await asyncio.sleep(random.uniform(*AGAIN_S))

    async def _take(self, link: ClientConnection, frame: str | bytes) -> None:
        text = frame if isinstance(frame, str) else ""
        if text.startswith("0"):
            auth = {"token": self.token, "pid": self.pid, "offset": self.offset}
            await link.send("40" + json.dumps({name: value for name, value in auth.items() if value is not None}))
        elif text == "2":
            await link.send("3")
        elif text.startswith("40"):
            self._welcome(orjson.loads(text[2:])["pid"])
        elif text.startswith("42"):
            self._hear(*orjson.loads(text[2:]))
        elif text.startswith("44"):
            self.faults.append(text)

    def _welcome(self, pid: str) -> None:
        self.connected = True
        if pid == self.pid:
            self.recovered += 1
        elif self.pid is not None:
            self.offset, self.next = None, None
        self.pid = pid

    def _hear(self, event: str, body: Any, position: str = "") -> None:
        if event == "room:reset":
            self.resets.append([body["position"], None])
        if not position:
            return
        self.offset = position
        for number in map(int, body["data"]["data"]["content"].split()):
            if self.next is None and self.resets:
                self.resets[-1][1] = self.next = number
            if number != self.next:
                self.faults.append(f"{number} came where {self.next} was due")
            self.next = number + 1


class Crowd:
    """What the program can be told. staying: owns the clients; a fault in one ends the program."""

    def __init__(self, staying: asyncio.TaskGroup) -> None:
        self._staying = staying
        self._members: list[Member] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._gate = asyncio.Event()
        self._gate.set()

    def open(self, urls: list[str], tokens: dict[str, str], each: int) -> None:
        """Begin to connect `each` clients of every user, in turn to these nodes."""
        for number in range(each):
            for place, (user, token) in enumerate(tokens.items()):
                member = Member(urls[(number + place) % len(urls)], user, token)
                self._members.append(member)
                self._tasks.append(self._staying.create_task(member.stay(self._gate)))

    def close(self) -> None:
        """End all clients."""
        for task in self._tasks:
            task.cancel()

    def gate(self, is_open: bool) -> None:
        """Whether clients whose link has ended come back: when it is opened, all at once."""
        if is_open:
            self._gate.set()
        else:
            self._gate.clear()

    def report(self) -> dict[str, Any]:
        """How the clients are. least, most: of the numbers that they are owed now. trouble: of one that is away."""
        members = self._members
        return {
            "connected": sum(member.connected for member in members),
            "recovered": sum(member.recovered for member in members),
            "resets": sum(len(member.resets) for member in members),
            "least": min(-1 if member.next is None else member.next for member in members),
            "most": max(-1 if member.next is None else member.next for member in members),
            "trouble": next((member.trouble for member in members if not member.connected), ""),
            "faults": [fault for member in members for fault in member.faults][:10],
        }

    def resets(self) -> list[list[Any]]:
        """[user, position, first number behind it] of every reset."""
        return [[member.user, *reset] for member in self._members for reset in member.resets]


async def main() -> None:
    """Obey until stdin ends."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    orders = asyncio.StreamReader(limit=LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with asyncio.TaskGroup() as staying:
        crowd = Crowd(staying)
        async for line in orders:
            order = json.loads(line)
            number, do = order.pop("id"), order.pop("do")
            order.pop("name")
            answer = {"id": number, "result": getattr(crowd, do)(**order)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        crowd.close()


if __name__ == "__main__":
    asyncio.run(main())
