"""What a session is given reaches its client in that order: entries, ephemeral events, answers and pings, mixed."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest
from engineio import packet
from websockets.asyncio.client import ClientConnection, connect

from app.packets import PLACEHOLDER, put
from app.session import Session
from streams.entry import Entry, Position
from tests.support.nodes import FAST, PLAIN, Fleet, LocalNode, eventually, token

COUNT = 400
END = "the end"


class Teller:
    """Gives a session things to send, and remembers them as the client is to see them."""

    def __init__(self, session: Session, seed: int) -> None:
        self._session = session
        self._random = random.Random(seed)
        self._number = 0
        self.told: list[str | bytes] = []

    async def tell(self) -> None:
        """All of it, with pauses of any length that let others run, or none."""
        for _ in range(COUNT):
            self._random.choice((self._entry, self._entry, self._attachment, self._event, self._answer, self._ping))()
            for _ in range(self._random.choice((0, 0, 0, 1, 2, 7))):
                await asyncio.sleep(0)
        self._event(END)

    def _text(self) -> bytes:
        self._number += 1
        return orjson.dumps(f"{self._number}".ljust(self._random.choice((1, 300, 70_000)), "ä"))

    def _at(self) -> Position:
        return Position(1, self._number)

    def _entry(self) -> None:
        data = self._text()
        self._session.feed.sink.write(Entry(self._at(), "user:alice", "e", data, Position.ZERO))
        self.told.append(f'42["e",{data.decode()},"1-{self._number}"]')

    def _attachment(self) -> None:
        self._number += 1
        binary = self._random.randbytes(self._random.choice((1, 200, 70_000)))
        entry = Entry(self._at(), "user:alice", "b", PLACEHOLDER, Position.ZERO, binary=binary)
        self._session.feed.sink.write(entry)
        self.told += [f'451-["b",{PLACEHOLDER.decode()},"1-{self._number}"]', binary]

    def _event(self, text: str = "") -> None:
        data = orjson.dumps(text) if text else self._text()
        self._session.send_whole("s", data)
        self.told.append(f'42["s",{data.decode()}]')

    def _answer(self) -> None:
        self._number += 1
        answer = packet.Packet(packet.MESSAGE, f"3{self._number}[true]")
        put(self._session.socket, (answer,))
        self.told.append(f"43{self._number}[true]")

    def _ping(self) -> None:
        put(self._session.socket, (packet.Packet(packet.PING),))
        self.told.append("2")


@pytest.mark.parametrize("way", [FAST, PLAIN])
@pytest.mark.parametrize("seed", range(3))
async def test_what_a_websocket_is_given_arrives_in_that_order(fleet: Fleet, way: str, seed: int) -> None:
    fleet.websockets = way
    async with fleet.inside(send_buffer_bytes=100_000) as node, _websocket(node) as link:
        assert (await link.recv())[:1] == "0"
        await link.send(_connect())
        assert (await link.recv())[:3] == "40{"
        teller = Teller(await _quiet_session(node), seed)
        _, seen = await asyncio.gather(teller.tell(), _until_end(link))
        assert seen == teller.told


@pytest.mark.parametrize("way", [FAST, PLAIN])
@pytest.mark.parametrize("seed", range(3))
async def test_what_a_client_is_given_while_it_changes_from_polling_to_a_websocket_arrives_in_that_order(
    fleet: Fleet, way: str, seed: int
) -> None:
    fleet.websockets = way
    async with (
        fleet.inside(send_buffer_bytes=100_000) as node,
        httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=30) as http,
    ):
        opened = (await http.get("/ws/socket.io/", params={"EIO": "4", "transport": "polling"})).text
        params = {"EIO": "4", "transport": "polling", "sid": orjson.loads(opened[1:])["sid"]}
        await http.post("/ws/socket.io/", params=params, content=_connect())
        assert (await http.get("/ws/socket.io/", params=params)).text.startswith("40{")
        teller = Teller(await _quiet_session(node), seed)
        telling = asyncio.create_task(teller.tell())
        seen = await _poll(http, params)
        polling = asyncio.create_task(_poll(http, params))
        async with _websocket(node, f"&sid={params['sid']}") as link:
            await link.send("2probe")
            assert await link.recv() == "3probe"
            seen += await polling  # as the stock client does: it changes over when no poll is under way
            await link.send("5")
            seen += await _until_end(link)
        await telling
        assert seen == teller.told


def _connect() -> str:
    return "40" + orjson.dumps({"token": token()}).decode()


@asynccontextmanager
async def _websocket(node: LocalNode, more: str = "") -> AsyncIterator[ClientConnection]:
    place = f"ws://127.0.0.1:{node.port}/ws/socket.io/?EIO=4&transport=websocket{more}"
    async with connect(place, max_size=None, proxy=None, compression=None) as link:
        yield link


async def _quiet_session(node: LocalNode) -> Session:
    """The one session, when nobody but the test gives it anything."""
    session = await eventually(lambda: next(iter(node.node.sessions.by_sid.values()), None))
    await eventually(lambda: session.feed.live)
    found: Session = session
    return found


async def _until_end(link: ClientConnection) -> list[str | bytes]:
    seen: list[str | bytes] = []
    while not seen or END not in str(seen[-1]):
        if (frame := await link.recv()) != "6":
            seen.append(frame)
    return seen


async def _poll(http: httpx.AsyncClient, params: dict[str, str]) -> list[str | bytes]:
    answer = await http.get("/ws/socket.io/", params=params)
    packets = answer.text.split("\x1e")
    return [base64.b64decode(it[1:]) if it[:1] == "b" else it for it in packets if it != "6"]
