"""The shard's rooms as the worker's sweep and the operator see them: which there are, how far folded, trimming."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from streams.entry import Position
from streams.link import Client, Link, retrying, run_script

_GLOB = re.compile(r"[*?\[\]\\^]")


@dataclass(frozen=True, slots=True)
class RoomHead:
    """A room and the position of its newest entry."""

    room: str
    head: Position


@dataclass(frozen=True, slots=True)
class Unfolded:
    """entries: that follow a position, as far as they were counted. more: there are more.

    oldest_ms: of the first of them, Unix ms; 0: there is none.
    """

    entries: int
    more: bool
    oldest_ms: int


LOOK_ROOMS = 1_000
"""Of one scan or pipeline: about a millisecond of the server."""

COUNT_ROOMS = 20
"""Of one script that counts entries: with the bounds below, some milliseconds of the server at most."""

COUNTED_BYTES = 64 << 10
"""Payload after which a room's entries are counted no further."""


class Rooms:
    """All calls may be repeated and raise LogUnavailable."""

    def __init__(self, link: Link, client: Client) -> None:
        self._keys = link.keys
        self._client = client

    async def slices(self, size: int = 500) -> AsyncIterator[list[RoomHead]]:
        """Every room that the log knows, in slices of about `size`. One that is new meanwhile may be missing."""
        cursor = 0
        while True:
            cursor, found = await retrying(lambda at=cursor: self._client.hscan(self._keys.heads, at, count=size))  # type: ignore[misc]
            yield [RoomHead(room.decode(), Position.parse(head)) for room, head in found.items()]
            if cursor == 0:
                return

    async def window(self, scan: int, size: int, part: str = "") -> tuple[list[RoomHead], int]:
        """The rooms of about `size` of all, from where a scan stands, that have `part` in their names; and where the
        next window begins, 0 when this was the last. scan: 0 for the first. A bounded number of commands."""
        found: dict[bytes, bytes] = {}
        match = "*" + _GLOB.sub(r"\\\g<0>", part) + "*" if part else None
        for _ in range(max(size // LOOK_ROOMS, 1)):
            scan, some = await retrying(
                lambda at=scan: self._client.hscan(self._keys.heads, at, match, LOOK_ROOMS)  # type: ignore[misc]
            )
            found |= some
            if scan == 0:
                break
        return [RoomHead(room.decode(), Position.parse(head)) for room, head in found.items()], int(scan)

    async def count(self) -> int:
        """How many rooms the log knows."""
        return int(await retrying(lambda: self._client.hlen(self._keys.heads)))

    async def head(self, room: str) -> Position | None:
        """The room's newest position; None for a room that the log does not know."""
        raw = await retrying(lambda: self._client.hget(self._keys.heads, room))
        return Position.parse(raw) if raw else None

    async def unfolded(self, after: Mapping[str, Position], most: int) -> dict[str, Unfolded]:
        """What follows a position in each of these rooms; `most` of each are counted, fewer when they are large."""
        found: dict[str, Unfolded] = {}
        rooms = list(after)
        for start in range(0, len(rooms), COUNT_ROOMS):
            some = rooms[start : start + COUNT_ROOMS]
            keys = [self._keys.room(room) for room in some]
            args = [most, COUNTED_BYTES, *(str(after[room]) for room in some)]
            raw = await retrying(lambda keys=keys, args=args: run_script(self._client, "rooms_unfolded", keys, args))  # type: ignore[misc]
            for number, room in enumerate(some):
                entries, more, oldest_ms = raw[3 * number : 3 * number + 3]
                found[room] = Unfolded(entries, bool(more), oldest_ms)
        return found

    async def folded(self, rooms: Sequence[str]) -> dict[str, Position]:
        """The last known committed position per room; ZERO when there is none. May lag behind SQL, never lead it."""
        if not rooms:
            return {}
        raw = await retrying(lambda: self._client.hmget(self._keys.folded, list(rooms)))
        return {room: Position.parse(at) if at else Position.ZERO for room, at in zip(rooms, raw, strict=True)}

    async def lengths(self, rooms: Sequence[str]) -> dict[str, int]:
        """How many entries of each room the log has."""
        found: dict[str, int] = {}
        for start in range(0, len(rooms), LOOK_ROOMS):
            found |= await self._lengths(rooms[start : start + LOOK_ROOMS])
        return found

    async def _lengths(self, rooms: Sequence[str]) -> dict[str, int]:
        async def lengths() -> list[int]:
            pipe = self._client.pipeline(transaction=False)
            for room in rooms:
                pipe.xlen(self._keys.room(room))
            return list(await pipe.execute())

        return dict(zip(rooms, await retrying(lengths), strict=True))

    async def sizes(self, rooms: Sequence[str]) -> dict[str, int]:
        """About how many bytes of the server's memory each room's stream takes: an estimate from a few samples."""

        async def sizes() -> list[int]:
            pipe = self._client.pipeline(transaction=False)
            for room in rooms:
                pipe.memory_usage(self._keys.room(room))
            return [size or 0 for size in await pipe.execute()]

        return dict(zip(rooms, await retrying(sizes), strict=True)) if rooms else {}

    async def nth(self, room: str, number: int) -> Position | None:
        """The position of the room's entry that has `number` older ones; None when there is none. Reads all of them."""
        oldest = await retrying(lambda: self._client.xrange(self._keys.room(room), count=number + 1))
        return Position.parse(oldest[-1][0]) if len(oldest) > number else None

    async def floor(self) -> Position:
        """The position that forgotten rooms lie below: a room's first entry may name it as its predecessor."""
        raw = await retrying(lambda: self._client.hget(self._keys.epoch, "floor"))
        return Position.parse(raw) if raw else Position.ZERO

    async def oldest_job_age_s(self) -> float:
        """Seconds since the oldest room that waits for a worker, or is being folded, was queued; 0 when none is."""

        async def oldest() -> float:
            pipe = self._client.pipeline(transaction=True)
            pipe.xrange(self._keys.jobs, count=1)
            pipe.time()
            jobs, (seconds, micros) = await pipe.execute()
            return seconds + micros / 1e6 - Position.parse(jobs[0][0]).ms / 1000 if jobs else 0.0

        return max(await retrying(oldest), 0.0)

    async def trim(self, room: str, keep_from: Position) -> int:
        """Drop the room's entries below `keep_from`; forget the room when none is left. Returns how many went.

        The caller vouches that they are folded.
        """
        names = self._keys
        keys = [names.room(room), names.heads, names.epoch, names.folded, names.document(room)]
        return int(await retrying(lambda: run_script(self._client, "trim", keys, [room, str(keep_from)])))
