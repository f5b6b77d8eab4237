"""Clients of the contract tests: one that remembers everything, and one that speaks raw Engine.IO."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from cli.resuming import ResumingClient
from streams.entry import Position
from tests.support.nodes import Api, eventually, token

ANSWER_S = 10.0


class Listener(ResumingClient):
    """A resuming client that remembers what it was sent and never reconnects by itself.

    got: (event, arguments) of everything, in order.
    """

    def __init__(self) -> None:
        super().__init__(reconnection=False)
        self.got: list[tuple[str, tuple[Any, ...]]] = []
        self.on("*", self._take)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_fault: object) -> None:
        await self.disconnect()

    def _take(self, event: str, *arguments: Any) -> None:
        self.got.append((event, arguments))

    def of(self, event: str) -> list[Any]:
        """The first argument of every event of this name."""
        return [arguments[0] if arguments else None for name, arguments in self.got if name == event]

    @property
    def contents(self) -> list[str]:
        """The text of every message event, in the order of arrival."""
        return [body["data"]["data"]["content"] for body in self.of("events") if body["data"]["type"] == "message"]

    @property
    def words(self) -> list[str]:
        """The same as words, for texts that end with a space: however many of them a replay joined to one event."""
        return "".join(self.contents).split()

    @property
    def positions(self) -> list[Position]:
        """Positions of the durable events, in the order of arrival."""
        return [Position.parse(arguments[-1]) for event, arguments in self.got if event == "events"]

    async def drop(self) -> None:
        """Lose the link without a word, as a tunnel does."""
        await self.eio.disconnect(abort=True)


@asynccontextmanager
async def listening(url: str, user_id: str = "alice", **claims: Any) -> AsyncIterator[Listener]:
    """A connected listener of a user."""
    async with Listener() as listener:
        await listener.open(url, token(user_id, **claims), transports=["websocket"])
        yield listener


@asynccontextmanager
async def calling(url: str, user_id: str = "alice", **claims: Any) -> AsyncIterator[Api]:
    """HTTP calls of a user."""
    api = Api(url, user_id, **claims)
    try:
        yield api
    finally:
        await api.aclose()


async def undisturbed(listener: Listener, probe: Any) -> None:
    """Check that a listener has its link and session, and was sent nothing but what `probe()` makes it be sent."""
    before = list(listener.got)
    await probe()
    await eventually(lambda: len(listener.got) > len(before))
    assert listener.connected
    assert listener.of("error") == []
    assert listener.of("room:reset") == []


class RawSocket:
    """An Engine.IO websocket on which a test sends whatever it likes. Pings are answered."""

    def __init__(self, link: ClientConnection) -> None:
        self._link = link

    async def send(self, *frames: str | bytes) -> None:
        for frame in frames:
            await self._link.send(frame)

    async def frame(self) -> str:
        """The next frame that is no ping. Raises ConnectionClosed, and TimeoutError after ten seconds."""
        while True:
            frame = await asyncio.wait_for(self._link.recv(), ANSWER_S)
            if frame == "2":
                await self._link.send("3")
            else:
                return frame if isinstance(frame, str) else repr(frame)

    async def until(self, start: str) -> str:
        """The next frame that starts like this; what comes before it is passed over."""
        while not (frame := await self.frame()).startswith(start):
            pass
        return frame

    async def connect(self, auth: Any) -> dict[str, Any]:
        """Send CONNECT; returns the answer's data, of CONNECT or CONNECT_ERROR."""
        await self.send(f"40{orjson.dumps(auth).decode()}")
        answer: dict[str, Any] = orjson.loads((await self.until("4"))[2:])
        return answer

    async def ask(self, packet: str, number: int = 7) -> Any:
        """Send an EVENT packet whose array is `packet`, with an id; returns the acknowledgement's first argument."""
        await self.send(f"42{number}{packet}")
        arguments = orjson.loads((await self.until(f"43{number}["))[len(f"43{number}") :])
        return arguments[0] if arguments else None

    async def error(self) -> str:
        """The message of the next `error` event."""
        return str(orjson.loads((await self.until('42["error"'))[2:])[1]["message"])

    async def closed(self) -> int:
        """Wait until the server has closed the link; returns its close code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.frame()
        return int(self._link.close_code or 0)

    async def alive(self) -> None:
        """Check that the session answers."""
        answer = await self.ask('["user-join",{}]', 99)
        assert answer["id"]


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[RawSocket]:
    """A raw Engine.IO websocket, opened, with no CONNECT packet sent."""
    place = url.replace("http", "ws", 1) + "/ws/socket.io/?EIO=4&transport=websocket"
    async with connect(place, max_size=None, proxy=None, compression=None) as link:
        socket = RawSocket(link)
        assert (await socket.frame()).startswith("0{")
        yield socket


@asynccontextmanager
async def raw_session(url: str, user_id: str = "mallory") -> AsyncIterator[RawSocket]:
    """A raw websocket with a session of a user."""
    async with raw(url) as socket:
        assert "sid" in await socket.connect({"token": token(user_id)})
        yield socket
