"""Connections that redis-py made and that are ours from then on.

redis-py sees to address, Sentinel, TLS, password, greeting and what errors mean; commands and replies are hiredis'
alone. It has no public way to give a connection away, so this is the one place that reaches into it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import hiredis
from redis import exceptions as redis_errors

NOT_YET = object()
"""What `replies.gets()` returns while a reply is not whole."""


class TakenOver(asyncio.Protocol):
    """This process's end of a connection of a pool. What comes, and its end, are its subclass's to handle."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.transport: asyncio.Transport = connection._writer.transport
        self._before = self.transport.get_protocol()
        self.transport.set_protocol(self)
        self.replies = hiredis.Reader(notEnoughData=NOT_YET, replyError=connection._parser.parse_error)

    def connection_lost(self, fault: Exception | None) -> None:
        self._before.connection_lost(fault)  # whoever closes the pool waits until it knows

    async def give_back(self, pool: Any) -> None:
        """Cut the link, and let the pool make another in its place."""
        self.transport.abort()
        await self._connection.disconnect(nowait=True)
        await pool.release(self._connection)


def lost(fault: Exception | None = None) -> redis_errors.ConnectionError:
    """The error of calls whose link ended."""
    return redis_errors.ConnectionError(f"the link is lost: {fault or 'it was closed, or silent'}")
