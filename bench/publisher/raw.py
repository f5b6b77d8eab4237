"""Emitting to the peers: the bytes that their own emitters send to Redis, written without those emitters' cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import hiredis

from bench.publisher.payload import EVENT, Payloads
from bench.resp import packed

UNANSWERED = 5000
"""Commands that may be unanswered."""

READ_BYTES = 1 << 16

Encode = Callable[[Payloads], tuple[str, ...]]


class RawWay:
    """Commands over one connection, pipelined. encode: the Redis command of a room's next event."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, encode: Encode) -> None:
        self._reader = reader
        self._writer = writer
        self._encode = encode
        self._answers = hiredis.Reader()
        self._unanswered = 0

    async def emit(self, due: Sequence[Payloads]) -> None:
        self._writer.write(b"".join(packed(*self._encode(payloads)) for payloads in due))
        self._unanswered += len(due)
        while self._unanswered > UNANSWERED:
            await self._read()
        await self._writer.drain()

    async def flush(self) -> None:
        while self._unanswered:
            await self._read()

    async def _read(self) -> None:
        data = await self._reader.read(READ_BYTES)
        if not data:
            raise ConnectionError("Redis closed the publisher's connection")
        self._answers.feed(data)
        while (answer := self._answers.gets()) is not False:
            if isinstance(answer, Exception):
                raise answer
            self._unanswered -= 1


def pubsub(payloads: Payloads, *, by_room: bool) -> tuple[str, ...]:
    """What python-socketio's AsyncRedisManager publishes. by_room: to a channel of the room, as Open WebUI does."""
    room = payloads.room.name
    envelope = (
        f'{{"method":"emit","event":"{EVENT}","data":[{payloads.json()}],"binary":false,"namespace":"/",'
        f'"room":"{room}","skip_sid":null,"callback":null,"host_id":"publisher"}}'
    )
    return ("PUBLISH", f"socketio#/#{room}" if by_room else "socketio", envelope)


def adapter_stream(payloads: Payloads, *, max_length: int) -> tuple[str, ...]:
    """What @socket.io/redis-streams-adapter adds to its stream for a broadcast to one room (type 3)."""
    data = (
        f'{{"opts":{{"rooms":["{payloads.room.name}"],"except":[],"flags":{{}}}},'
        f'"packet":{{"type":2,"data":["{EVENT}",{payloads.json()}],"nsp":"/"}}}}'
    )
    limit = ("MAXLEN", "~", str(max_length))
    return ("XADD", "socket.io", *limit, "*", "uid", "publisher", "nsp", "/", "type", "3", "data", data)


def plain_stream(payloads: Payloads) -> tuple[str, ...]:
    """The floor's stream: room and event, nothing else."""
    return ("XADD", "floor", "MAXLEN", "~", "100000", "*", "r", payloads.room.name, "d", payloads.json())


ENCODERS: dict[str, Encode] = {
    "pubsub": partial(pubsub, by_room=False),
    "room pubsub": partial(pubsub, by_room=True),
    "adapter": partial(adapter_stream, max_length=10_000),
    "adapter, long": partial(adapter_stream, max_length=200_000),
    "floor": plain_stream,
}


@asynccontextmanager
async def raw(redis_url: str, kind: str) -> AsyncIterator[RawWay]:
    """The way to the Redis at `redis_url` (redis://host:port). kind: one of ENCODERS."""
    url = urlsplit(redis_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    way = RawWay(reader, writer, ENCODERS[kind])
    try:
        yield way
        await way.flush()
    finally:
        writer.close()
