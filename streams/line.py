"""A connection for the busiest talks with the log, a node's reading and appending and a worker's reading: one command
after the other.

A client library spends more on a command (a pool, a lock, a timeout's task, a reader's task, dictionaries) than the
entries in it cost. redis-py still makes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import hiredis
from redis import exceptions as redis_errors

from streams.link import Client
from streams.takeover import NOT_YET, TakenOver, lost


class Line:
    """A connection of a client's pool, made when it is needed and made anew when it is lost. Not for two at once.

    Replies are as hiredis parses them: bytes, ints, lists, None.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._end: _End | None = None

    async def call(self, words: Sequence[str | bytes | int], timeout_s: float) -> Any:
        """The reply to a command. Raises redis' errors; ConnectionError also when nothing came within the timeout.

        After a fault of the connection, or a cancellation, it is not known whether the command was carried out.
        """
        end = self._end or await self._connect()
        try:
            return await end.call(words, timeout_s)
        except redis_errors.ResponseError as fault:
            if isinstance(fault, redis_errors.ReadOnlyError):  # it is the primary no longer: ask again who is
                await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the connection; the next call makes another. May be called twice."""
        end, self._end = self._end, None
        if end is not None:
            await end.give_back(self._client.connection_pool)

    async def _connect(self) -> _End:
        end = self._end = _End(await self._client.connection_pool.get_connection())
        return end


class _End(TakenOver):
    """For one call at a time."""

    _reply: asyncio.Future[Any] | None = None

    async def call(self, words: Sequence[str | bytes | int], timeout_s: float) -> Any:
        loop = asyncio.get_running_loop()
        if self.transport.is_closing():
            raise lost()
        reply = self._reply = loop.create_future()
        self.transport.write(hiredis.pack_command(tuple(words)))  # type: ignore[arg-type]  # its stub takes one word
        silent = loop.call_later(timeout_s, self.transport.abort)
        try:
            return await reply
        finally:
            silent.cancel()

    def data_received(self, data: bytes) -> None:
        self.replies.feed(data)
        reply = self.replies.gets()
        if reply is NOT_YET or self._reply is None or self._reply.done():
            return
        if isinstance(reply, Exception):
            self._reply.set_exception(reply)
        else:
            self._reply.set_result(reply)

    def connection_lost(self, fault: Exception | None) -> None:
        super().connection_lost(fault)
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(lost(fault))
