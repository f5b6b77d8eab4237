"""A provider of completions for the tests: a real HTTP server whose answers each test scripts, byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Script = Callable[["Conversation"], Awaitable[None]]


class Conversation:
    """One request and the means to answer it."""

    def __init__(self, head: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.body = body
        self._writer = writer

    @property
    def request(self) -> Any:
        return json.loads(self.body)

    async def start(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        """Begin a chunked answer."""
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self._write("\r\n".join([*lines, "", ""]).encode())

    async def send(self, data: bytes) -> None:
        """One chunk, as it is."""
        await self._write(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, **delta: Any) -> None:
        """A chunk of the completion with this delta."""
        await self.data({"choices": [{"index": 0, "delta": delta}]})

    async def data(self, value: Any) -> None:
        await self.send(b"data: %s\n\n" % json.dumps(value).encode())

    async def finish(self, reason: str = "stop") -> None:
        await self.data({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        await self.send(b"data: [DONE]\n\n")
        await self.end()

    async def end(self) -> None:
        await self._write(b"0\r\n\r\n")

    async def whole(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        await self.start(status, kind, **headers)
        await self.send(body)
        await self.end()

    async def closed(self) -> None:
        """Wait until the client has gone."""
        await self._writer.wait_closed()

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


class Provider:
    """script: what the next requests are answered by. conversations: all so far."""

    def __init__(self) -> None:
        self.script: Script = says("Hello", " world")
        self.conversations: list[Conversation] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [int(h.split(":")[1]) for h in head.split("\r\n") if h.lower().startswith("content-length")]
            conversation = Conversation(head, await reader.readexactly(sum(lengths)), writer)
            self.conversations.append(conversation)
            await self.script(conversation)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client left, which is what some tests want
        finally:
            writer.close()


def says(*words: str) -> Script:
    """A script that streams these words."""

    async def script(conversation: Conversation) -> None:
        await conversation.start()
        for word in words:
            await conversation.event(content=word)
        await conversation.finish()

    return script


@asynccontextmanager
async def running_provider() -> AsyncIterator[Provider]:
    """A provider that listens on a port of its own."""
    provider = Provider()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(provider.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1")
    provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield provider
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
