"""The Python clients: one that stays or comes back with its session, and one that reloads and knows nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from socketio.exceptions import ConnectionError as NotConnected

from cli.demo.account import Content, Event
from cli.demo.calls import Calls
from cli.demo.conversation import MESSAGE_ID, Ledger
from cli.resuming import ResumingClient
from streams.entry import Position

AGAIN_S = 0.1


class Client(ResumingClient):
    """A client whose `open` does not wait for the answer to CONNECT: on a busy machine that may take long.

    A cancel must never get into the library: some of its `except CancelledError` go on as if nothing had been.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._hanging_up = asyncio.Lock()

    async def connect(self, url: str, **options: Any) -> None:
        await super().connect(url, wait=False, **options)

    async def linked(self, url: str, token: str) -> None:
        """Connect, and return when the link has ended; hang up after cancelling it. Raises as `open` does."""
        opening = asyncio.ensure_future(self.open(url, token, ["websocket"]))
        try:
            await asyncio.wait({opening})
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        opening.result()
        await asyncio.wait({self.eio.read_loop_task})
        async with self._hanging_up:  # whoever hangs up resets the client at its end
            return

    async def hang_up(self) -> None:
        """End the link, if there is one, without a goodbye of Socket.IO's: the session could still be resumed."""
        async with self._hanging_up:
            await self.eio.disconnect()


class Listener:
    """Keeps one client connected, to the next URL after each end of a link, and its ledger up to date."""

    def __init__(self, ledger: Ledger, urls: Sequence[str]) -> None:
        self.ledger = ledger
        self.connected = asyncio.Event()
        self._urls = itertools.cycle(urls)
        self._client = self._new_client()

    async def run(self) -> None:
        """Stay connected until cancelled, and come back whenever the link ends."""
        try:
            while True:
                await self._one_link()
        finally:
            await self._client.hang_up()

    async def _one_link(self) -> None:
        """Connect, and return when the link has ended or there is none."""
        try:
            await self._client.linked(next(self._urls), self.ledger.conversation.token)
        except (NotConnected, OSError):
            await asyncio.sleep(AGAIN_S)

    def _new_client(self) -> Client:
        client = Client(reconnection=False, handle_sigint=False)
        client.on("connect", lambda: self._on_connect(client))
        client.on("connect_error", self._on_refused)
        client.on("events", self._on_event)
        return client

    def _on_connect(self, client: Client) -> None:
        self.ledger.connected(client.recovered)
        self.connected.set()

    async def _on_refused(self, _reason: object) -> None:
        """The node is not ready yet, or there is none: end the link, `run` tries again."""
        await self._client.hang_up()

    def _on_event(self, body: dict[str, Any], position: str) -> None:
        data = body["data"]
        self.ledger.take(body["message_id"], Event(Position.parse(position), data["type"], data["data"]))


class Reloader(Listener):
    """Like a page that is reloaded: a new session each time, then a snapshot, and of the events those after it."""

    def __init__(self, ledger: Ledger, urls: Sequence[str], calls: Calls) -> None:
        super().__init__(ledger, urls)
        self._calls = calls

    async def run(self) -> None:
        try:
            while True:
                async with asyncio.TaskGroup() as tasks:
                    taking = tasks.create_task(self._snapshot())
                    await self._one_link()
                    taking.cancel()
                if self.connected.is_set():
                    self._forget()
        finally:
            await self._client.hang_up()

    async def reload(self) -> None:
        """Throw the page away; `run` opens it anew."""
        await self._client.hang_up()

    def _forget(self) -> None:
        self.connected.clear()
        self.ledger.forget()
        self._client = self._new_client()

    async def _snapshot(self) -> None:
        """First listen, then read: so that no event falls between the snapshot and the tail."""
        await self.connected.wait()
        conversation = self.ledger.conversation
        chat = await self._calls.get(f"/api/v1/chats/{conversation.chat_id}", conversation.token, self.ledger.links)
        self.ledger.begin(content_of(chat), Position.parse(chat["position"]))


def content_of(chat: dict[str, Any]) -> Content:
    """What a chat, as HTTP answers it, shows of the streamed message."""
    message = chat["chat"]["history"]["messages"].get(MESSAGE_ID)
    if message is None:
        return Content()
    return Content.stored(message["content"], message["statusHistory"] or (), message["sources"] or ())
