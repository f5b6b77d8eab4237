"""A producer of numbered events, and what a client must have heard of them."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

from app.emitter import Emitter, Target
from streams.append import Appender
from streams.bus import Bus
from streams.entry import Position
from streams.keys import Keys
from streams.link import Link
from tests.support.js import JsClient
from tests.support.nodes import Fleet, eventually

HEARD_S = 40.0


@dataclass(frozen=True, slots=True)
class Said:
    """An event that is in the log: its number, its chat, and where it is."""

    number: int
    chat: str
    position: str


class Producer:
    """said: every event that was appended, in the log's order. Each one's content is its number."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._numbers = itertools.count()
        self._turn = asyncio.Lock()
        self.said: list[Said] = []
        self.padding_bytes = 0
        """Random bytes that each event carries besides its number, so that compression does not make it small."""

    async def say(self, chat: str, owner: str = "alice") -> int:
        """Emit the next `message` event of a chat; returns its number."""
        async with self._turn:
            number = next(self._numbers)
            appended = await self._emitter.emit(Target(owner, chat, "m1"), "message", self._body(number))
            assert appended is not None
            self.said.append(Said(number, chat, str(appended.position)))
            return number

    def _body(self, number: int) -> dict[str, str]:
        return {"content": f"{number} "} | (
            {"pad": secrets.token_hex(self.padding_bytes)} if self.padding_bytes else {}
        )

    async def say_many(self, chat: str, count: int, owner: str = "alice") -> None:
        for _ in range(count):
            await self.say(chat, owner)

    async def go_on(self, count: int) -> None:
        """Wait until `flowing` has said that many more."""
        enough = len(self.said) + count
        await eventually(lambda: len(self.said) >= enough, HEARD_S)

    @asynccontextmanager
    async def flowing(self, chats: Sequence[str], owner: str = "alice", per_s: float = 200) -> AsyncIterator[None]:
        """Events of the chats in turn, until the block ends."""
        stop = asyncio.Event()

        async def flow() -> None:
            for chat in itertools.cycle(chats):
                if stop.is_set():
                    return
                await self.say(chat, owner)
                await asyncio.sleep(1 / per_s)  # the pace

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(flow())
            try:
                yield
            finally:
                stop.set()

    def numbers(self, *chats: str) -> list[int]:
        """What was said in these chats; in all of them when none is named."""
        return [said.number for said in self.said if not chats or said.chat in chats]


@asynccontextmanager
async def open_producer(fleet: Fleet) -> AsyncIterator[Producer]:
    link = Link(fleet.redis_url, Keys(fleet.key_prefix))
    appender = Appender(link, room_cap=100_000, log_length=100_000)
    running = asyncio.create_task(appender.run())
    try:
        yield Producer(Emitter(appender, Bus(link, link.client(), lambda _signal: None)))
    finally:
        await appender.drain()
        await running
        await link.aclose()


def heard(client: JsClient, since: int = 0) -> list[int]:
    """The numbers that a client heard, in the order in which it did."""
    bodies = [event[1] for event in client.durable()[since:]]
    texts = [body["data"]["data"]["content"] for body in bodies if body["data"]["type"] == "message"]
    return [int(number) for text in texts for number in text.split()]  # a replay joins texts that follow each other


def assert_in_order(client: JsClient) -> None:
    """Every durable event had a position as its last argument, above the one before it."""
    positions = [Position.parse(event[-1]) for event in client.durable()]
    assert all(one < two for one, two in pairwise(positions)), "positions do not grow"


async def hears(client: JsClient, numbers: Sequence[int]) -> None:
    """Wait until the last of the numbers is there: then each was heard once and in order, and nothing else."""
    assert numbers
    await eventually(lambda: numbers[-1] in heard(client), HEARD_S)
    assert heard(client) == list(numbers)
    assert_in_order(client)
