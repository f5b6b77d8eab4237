"""Editors that speak Socket.IO, Roomlog's and Open WebUI's, with what their links carry counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.documents.cost import Cost, Gauge, Traffic
from cli.demo.editors import UPDATE, CurrentEditor, Editor, StockEditor

POLL_S = 0.005
QUIET_S = 0.1
PATIENCE_S = 120.0


class NotTheSame(Exception):
    """An editor is in step with its server, and has another text than it should."""


class NotTaken(Exception):
    """A server did not acknowledge an update."""


class Meter:
    """Counts what an editor's link carries, and when it did so last."""

    def __init__(self, editor: Editor) -> None:
        self.received = self.sent = 0
        self._heard = asyncio.Event()
        self.at = time.monotonic()
        self._take, self._give = editor.client._handle_eio_message, editor.client.eio._send_packet
        editor.client.eio.on("message", self._received)
        editor.client.eio._send_packet = self._sent

    async def _received(self, data: str | bytes) -> None:
        self.received += len(data)
        self.at = time.monotonic()
        self._heard.set()
        await self._take(data)

    async def more_than(self, received: int) -> None:
        """Until more bytes than these were received. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            while self.received <= received:
                self._heard.clear()
                await self._heard.wait()

    async def _sent(self, packet: Any) -> None:
        self.sent += len(packet.encode())
        self.at = time.monotonic()
        await self._give(packet)

    async def quiet(self) -> None:
        """Until nothing was carried for a moment."""
        while time.monotonic() - self.at < QUIET_S:  # noqa: ASYNC110  # nobody says that nothing comes any more
            await asyncio.sleep(POLL_S)


class Metered:
    """An editor that comes and goes."""

    def __init__(self, editor: CurrentEditor | StockEditor) -> None:
        self.editor = editor
        self.meter = Meter(editor)

    async def visit(self, text: str) -> Traffic:
        """Come (back), and go once everything was carried. Raises NotTheSame, TimeoutError."""
        received, sent = self.meter.received, self.meter.sent
        began = time.monotonic()
        async with self.online():
            ms = (time.monotonic() - began) * 1e3
            await self.meter.quiet()
            if self.editor.paper.text != text:
                raise NotTheSame(type(self.editor).__name__)
        return Traffic(self.meter.received - received, self.meter.sent - sent, ms)

    @asynccontextmanager
    async def online(self) -> AsyncIterator[None]:
        """In step while within. Raises TimeoutError."""
        task = asyncio.create_task(self.editor.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._in_step()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _in_step(self) -> None:
        if isinstance(self.editor, CurrentEditor):
            await self.editor.joined.wait()
            return
        while not self.editor.synced:  # noqa: ASYNC110  # the page's own flag
            await asyncio.sleep(POLL_S)

    async def say(self, updates: list[bytes], body: Callable[[bytes], dict[str, Any]], at_once: int) -> None:
        """Send updates as one's own, so many at once, and wait until each is acknowledged. Raises NotTaken."""
        for start in range(0, len(updates), at_once):
            asked = [
                self.editor.client.call(UPDATE, body(update), timeout=PATIENCE_S)
                for update in updates[start : start + at_once]
            ]
            for answer in await asyncio.gather(*asked):
                if not isinstance(answer, dict) or "position" not in answer:
                    raise NotTaken(str(answer))


async def visits(gauge: Gauge, clients: Sequence[Metered], text: str) -> Cost:
    """Clients come and go, one after the other."""
    async with gauge.window() as measured:
        for client in clients:
            measured.traffics.append(await client.visit(text))
    return measured.cost()
