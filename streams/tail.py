"""A node's ordered, complete reading of its shard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Sequence
from typing import Any

from redis import exceptions as redis_errors

from streams.entry import Entry, Position, change_of
from streams.errors import RETRYABLE
from streams.link import Link, open_epoch

log = logging.getLogger("roomlog.tail")

READ_ENTRIES = 1000
"""Entries of one read. Must be well below the shard log's length: only a full read can have skipped something."""

BLOCK_MS = 1000
READ_TIMEOUT_S = 2.0
"""A read that takes longer than its block is on a dead link: the link is cut and made anew."""

EPOCH_ROOM = b"system:epoch"


class Tail:
    """Reads the shard's stream from a position on and hands out batches in order.

    rooms: asked, by the room's name as bytes, whether anybody here wants its entries; others are skipped undecoded.
    deliver: called with (entries, position) after every read; all wanted entries up to `position`, in order. It must
        not block; it runs in the loop's one turn, so whoever looks at `position` sees everything up to it delivered.
    lost: called with (before, now) when the stream no longer holds what follows `before`: the node has to read its
        rooms' own streams from there. The tail goes on behind `now`.
    new_epoch: called with the position of an epoch that opened while this tail was running.
    pause_s: how long to wait after a read that brought more than one entry, so that entries arrive in batches.
    """

    def __init__(
        self,
        link: Link,
        rooms: Container[bytes],
        deliver: Callable[[Sequence[Entry], Position], None],
        lost: Callable[[Position, Position], None],
        new_epoch: Callable[[Position], None],
        pause_s: float = 0.001,
    ) -> None:
        self._link = link
        self._client = link.client(connections=1, timeout_s=READ_TIMEOUT_S)
        self._rooms = rooms
        self._deliver = deliver
        self._lost = lost
        self._new_epoch = new_epoch
        self._pause_s = pause_s
        self.position = Position.ZERO
        self.read_at = 0.0
        """Loop time of the last successful read: an old one means that the link is down."""

    async def start(self) -> None:
        """Stand at the newest position. Raises LogUnavailable or redis errors when the log does not answer."""
        newest = await self._client.xrevrange(self._link.keys.log, count=1)
        self.position = Position.parse(newest[0][0]) if newest else await open_epoch(self._client, self._link)
        self.read_at = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Read until cancelled. Faults of the link are retried for ever, at most half a second apart."""
        pause_s = 0.02
        while True:
            try:
                count = await self._read_once()
            except RETRYABLE as fault:
                log.warning("the tail at %s lost its link: %s", self.position, fault)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 0.5)
                continue
            except redis_errors.RedisError as fault:
                log.error("the tail at %s cannot read: %s", self.position, fault)
                await asyncio.sleep(0.5)
                continue
            pause_s = 0.02
            if count > 1 and self._pause_s:
                await asyncio.sleep(self._pause_s)

    async def _read_once(self) -> int:
        """One XREAD; returns how many entries it brought."""
        before = self.position
        answer = await self._client.execute_command(
            "XREAD", "COUNT", READ_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", self._link.keys.log, str(before)
        )
        self.read_at = asyncio.get_running_loop().time()
        if not answer:
            await open_epoch(self._client, self._link)  # a server that was emptied has lost it
            return 0
        items = _items(answer)
        if len(items) >= READ_ENTRIES and await self._skipped(before):
            newest = await self._client.xrevrange(self._link.keys.log, count=1)
            self._advance(Position.parse(newest[0][0]))
            self._lost(before, self.position)
            return len(items)
        self._hand_out(items)
        return len(items)

    async def _skipped(self, before: Position) -> bool:
        """Whether the stream may have been trimmed past `before`: its oldest entry is above it."""
        oldest = await self._client.xrange(self._link.keys.log, count=1)
        return not oldest or Position.parse(oldest[0][0]) > before

    def _hand_out(self, items: Sequence[Any]) -> None:
        wanted: list[Entry] = []
        epoch: Position | None = None
        for position, fields in items:
            room = fields[1]
            if room in self._rooms:
                wanted.append(_entry(position, fields))
            elif room == EPOCH_ROOM:
                epoch = Position.parse(position)
        self._advance(Position.parse(items[-1][0]))
        self._deliver(wanted, self.position)
        if epoch is not None:
            self._new_epoch(epoch)

    def _advance(self, position: Position) -> None:
        self.position = position
        self._link.saw(position)


def _items(answer: Any) -> Sequence[Any]:
    """The entries of XREAD's answer for one stream, as [id, [field, value, …]] whatever redis-py made of it."""
    _stream, items = answer[0]
    return [
        (item_id, [part for pair in fields.items() for part in pair] if isinstance(fields, dict) else fields)
        for item_id, fields in items
    ]


def _entry(position: bytes, fields: Sequence[bytes]) -> Entry:
    """Fields stand in the order in which append.lua writes them: r, e, d, p, s, q, and with an attachment b, c."""
    epoch, reset = change_of(fields[15]) if len(fields) > 15 else ("", False)
    return Entry(
        Position.parse(position),
        fields[1].decode(),
        fields[3].decode(),
        fields[5],
        Position.parse(fields[7]),
        fields[9].decode(),
        fields[11] == b"1",
        fields[13] if len(fields) > 13 else b"",
        epoch,
        reset,
    )
