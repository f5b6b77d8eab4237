"""A node's ordered, complete reading of its shard."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Sequence
from typing import Any

from redis import exceptions as redis_errors

from streams.entry import Entry, Position
from streams.errors import RETRYABLE
from streams.line import Line, Words
from streams.link import Link, open_epoch, retrying
from streams.pace import Reading
from streams.replay import entry_of

log = logging.getLogger("roomlog.tail")

READ_ENTRIES = 1000
"""Entries of one read. Must be well below the shard log's length: only a full read can have skipped something."""

BLOCK_MS = 1000
READ_TIMEOUT_S = 2.0
"""A read that takes longer than its block is on a dead link: the link is cut and made anew."""

Item = Sequence[Any]
"""An entry as it came: [id, [field, value, …]], all bytes: `r` and the room, then what the room's own stream has."""

EPOCH_ROOM = b"system:epoch"


class Tail:
    """Reads the shard's stream from a position on and hands out batches in order.

    rooms: asked, by the room's name as bytes, whether anybody here wants its entries; others are skipped undecoded.
    deliver: called with (entries, position) after every read that brought some; all wanted entries up to `position`, in
        order. It must not block; it runs in the loop's one turn, so whoever looks at `position` sees everything up to
        it delivered.
    lost: called with (before, now) when the stream no longer holds what follows `before`: the node has to read its
        rooms' own streams from there. The tail goes on behind `now`.
    new_epoch: called with the position of an epoch that opened while this tail was running.
    pause_s: how long to wait before the next read while entries come fast, so that they arrive in batches; 0: never.
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
        self._client = link.client(connections=2, timeout_s=2.0)  # one to read on, one for all else
        self._rooms = rooms
        self._deliver = deliver
        self._lost = lost
        self._new_epoch = new_epoch
        self._pace = Reading(pause_s)
        self._full: Sequence[Item] = ()  # a read that may have skipped something
        self.position = Position.ZERO
        self._at = b"0-0"  # the position as the server writes it
        self.read_at = 0.0
        """Loop time of the last successful read: an old one means that the link is down."""

    async def start(self) -> None:
        """Stand at the newest position. Raises LogUnavailable when the log does not answer."""
        self._advance(await retrying(self._newest))
        self.read_at = asyncio.get_running_loop().time()

    async def _newest(self) -> bytes:
        """The stream's newest position as the server writes it; of one that is empty, where it begins anew."""
        newest = await self._client.xrevrange(self._link.keys.log, count=1)
        return bytes(newest[0][0]) if newest else str(await open_epoch(self._client, self._link)).encode()

    async def run(self) -> None:
        """Read until cancelled. Faults of the link are retried for ever, at most half a second apart, and told once."""
        self._loop = asyncio.get_running_loop()
        line = Line(self._client)
        pause_s, told_at = 0.02, -1.0
        try:
            while True:
                read_at = self.read_at
                try:
                    await self._follow(line)
                except RETRYABLE as fault:
                    level = logging.WARNING if self.read_at > told_at else logging.DEBUG
                    log.log(level, "the tail at %(position)s lost its link: %(fault)s", self._said(fault))
                    told_at = self.read_at
                    pause_s = 0.02 if self.read_at > read_at else min(pause_s * 2, 0.5)
                except redis_errors.RedisError as fault:
                    log.error("the tail at %(position)s cannot read: %(fault)s", self._said(fault))
                    pause_s = 0.5
                await asyncio.sleep(pause_s)
        finally:
            await line.aclose()

    def _said(self, fault: Exception) -> dict[str, object]:
        return {"position": self.position, "fault": fault}

    async def _follow(self, line: Line) -> None:
        while True:
            await line.rounds(self._question, self._take, READ_TIMEOUT_S)
            if self._full:
                await self._take_full(self._full)
            else:
                await open_epoch(self._client, self._link)  # a server that was emptied has lost it

    def _question(self) -> Words:
        return ("XREAD", "COUNT", READ_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", self._link.keys.log, self._at)

    def _take(self, answer: Any) -> float | None:
        """Hand out what a read brought; returns the pause before the next. None: the next is not to come yet."""
        self.read_at = self._loop.time()
        items: Sequence[Item] = answer[0][1] if answer else ()
        self._full = items if len(items) >= READ_ENTRIES else ()
        if self._full or not items:
            return None
        self._hand_out(items)
        return self._pace.after(len(items), self.read_at)

    async def _take_full(self, items: Sequence[Item]) -> None:
        before = self.position
        if not await self._skipped(before):
            self._hand_out(items)
            return
        newest = await self._newest()
        epoch = await open_epoch(self._client, self._link)
        self._advance(newest)
        self._lost(before, self.position)
        if before < epoch <= self.position:  # its entry is skipped, too, or is the one that the tail now stands at
            self._new_epoch(epoch)

    async def _skipped(self, before: Position) -> bool:
        """Whether the stream may have been trimmed past `before`: its oldest entry is above it."""
        oldest = await self._client.xrange(self._link.keys.log, count=1)
        return not oldest or Position.parse(oldest[0][0]) > before

    def _hand_out(self, items: Sequence[Item]) -> None:
        wanted: list[Entry] = []
        epoch: Position | None = None
        for position, fields in items:
            room = fields[1]
            if room in self._rooms:
                wanted.append(entry_of(room.decode(), (position, fields[2:])))
            elif room == EPOCH_ROOM:
                epoch = Position.parse(position)
        self._advance(items[-1][0])
        if wanted:
            self._deliver(wanted, self.position)
        if epoch is not None:
            self._new_epoch(epoch)

    def _advance(self, at: bytes) -> None:
        self._at = at
        self.position = Position.read(at)
        self._link.saw(self.position)
