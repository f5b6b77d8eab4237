"""A connection on which a stream is read, and nothing else: one XREAD after the other.

A client library spends more on a read (a pool, a lock, a task for its timeout, a dictionary an entry) than the entries
cost, and a node reads all day. redis-py still makes the connection: address, Sentinel, TLS, password, greeting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import hiredis
from redis import exceptions as redis_errors

from streams.link import Client

READ_ENTRIES = 1000
"""Entries of one read. Must be well below the shard log's length: only a full read can have skipped something."""

BLOCK_MS = 1000
READ_TIMEOUT_S = 2.0
"""A read that takes longer than its block is on a dead link: the link is cut."""

Item = Sequence[Any]
"""An entry as it came: [id, [field, value, …]], all bytes."""

_NOT_YET = object()


class Reading(asyncio.Protocol):
    """Reads one stream. Not for use by two at once."""

    def __init__(self, transport: asyncio.Transport, key: str) -> None:
        self._transport = transport
        self._key = key
        self._replies = hiredis.Reader(notEnoughData=_NOT_YET)
        self._answer: asyncio.Future[Any] | None = None

    async def read(self, after: bytes) -> Sequence[Item]:
        """What follows a position, in order, READ_ENTRIES at most; nothing when nothing came for BLOCK_MS.

        Raises redis' ConnectionError when the link is lost or silent, and ResponseError. After either, and after a
        cancellation, this connection is of no more use.
        """
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        if self._transport.is_closing():
            raise redis_errors.ConnectionError("the link of the tail is lost")
        command = ("XREAD", "COUNT", READ_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", self._key, after)
        self._transport.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub takes one word
        silent = loop.call_later(READ_TIMEOUT_S, self._transport.abort)
        try:
            answer = await self._answer
        finally:
            silent.cancel()
        return answer[0][1] if answer else ()

    def data_received(self, data: bytes) -> None:
        self._replies.feed(data)
        answer = self._replies.gets()
        if answer is _NOT_YET or self._answer is None or self._answer.done():
            return
        if isinstance(answer, hiredis.ReplyError):
            self._answer.set_exception(redis_errors.ResponseError(str(answer)))
        else:
            self._answer.set_result(answer)

    def connection_lost(self, fault: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            lost = redis_errors.ConnectionError(f"the link of the tail is lost: {fault or 'it was closed, or silent'}")
            self._answer.set_exception(lost)


@asynccontextmanager
async def reading(client: Client, key: str) -> AsyncIterator[Reading]:
    """A connection of a client's pool, taken over to read a stream. Raises redis' errors of connecting."""
    pool = client.connection_pool
    connection = await pool.get_connection()
    try:
        transport = connection._writer.transport  # redis-py has no public way to give a connection away
        protocol = Reading(transport, key)
        transport.set_protocol(protocol)
        try:
            yield protocol
        finally:
            transport.abort()
    finally:
        await connection.disconnect(nowait=True)
        await pool.release(connection)
