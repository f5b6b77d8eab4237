"""What a node asks of PostgreSQL about channels. Everything raises as `Archive` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from psycopg import AsyncConnection

from archive import channel_reads as reads
from archive.channel import Mark, StoredChannel
from archive.channel_reads import Unread, UnreadAsk
from archive.channel_view import MessageView, Select
from archive.tables import Key
from streams.entry import Position

Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]


class ChannelArchive:
    """Reads of what is folded; the position in each answer tells up to where. connect: borrows a connection."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def channel(self, channel_id: str) -> StoredChannel:
        """The channel, its members and webhooks; one that does not exist when no entry made it."""
        async with self._connect() as connection:
            return await reads.channel(connection, channel_id)

    async def messages(self, select: Select) -> MessageView:
        """The selected messages with what belongs to them."""
        async with self._connect() as connection:
            return await reads.messages(connection, select)

    async def marks(self, user_id: str) -> tuple[Position, dict[Key, Mark]]:
        """A mark for each channel in which the user may be; the position is that of room `user:{user_id}`."""
        async with self._connect() as connection:
            return await reads.marks(connection, user_id)

    async def unread(self, user_id: str, asks: Sequence[UnreadAsk]) -> Mapping[str, Unread]:
        """By channel, what the user has not read."""
        async with self._connect() as connection:
            return await reads.unread(connection, user_id, asks)
