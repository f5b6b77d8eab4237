"""How much waits to be folded, for operators."""

from __future__ import annotations

from dataclasses import dataclass

from streams.link import Client, Link, retrying, run_script

OLDEST_ROOMS = 200
"""Rooms that are looked at: those that wait longest."""

SCRIPT_ROOMS = 20
SCRIPT_ENTRIES = 500
SCRIPT_BYTES = 1 << 20
"""What one script looks at: about 1.3 ms of the server (docs/decisions/0029)."""


@dataclass(frozen=True, slots=True)
class Unfolded:
    """rooms: that wait for a worker or are being folded. entries: of the oldest of them, at least so many."""

    rooms: int
    entries: int


async def unfolded(link: Link, client: Client, deadline_s: float) -> Unfolded:
    """What waits now. Raises LogUnavailable. Documents are not counted: their updates wait on purpose."""
    keys = link.keys

    async def waiting() -> tuple[int, list[bytes]]:
        pipe = client.pipeline(transaction=False)
        pipe.xlen(keys.jobs)
        pipe.xrange(keys.jobs, count=OLDEST_ROOMS)
        rooms, jobs = await pipe.execute()
        return int(rooms), list(dict.fromkeys(fields[b"room"] for _id, fields in jobs))

    rooms, names = await retrying(waiting, deadline_s)
    if not names:
        return Unfolded(rooms, 0)
    folded = await retrying(lambda: client.hmget(keys.folded, names), deadline_s)
    starts = [(room.decode(), at.decode() if at else "0-0") for room, at in zip(names, folded, strict=True)]
    entries = 0
    for begin in range(0, len(starts), SCRIPT_ROOMS):
        entries += await _counted(link, client, starts[begin : begin + SCRIPT_ROOMS], deadline_s)
    return Unfolded(rooms, entries)


async def _counted(link: Link, client: Client, starts: list[tuple[str, str]], deadline_s: float) -> int:
    streams = [link.keys.room(room) for room, _at in starts]
    args = [SCRIPT_ENTRIES, SCRIPT_BYTES, *(at for _room, at in starts)]
    return int(await retrying(lambda: run_script(client, "unfolded", streams, args), deadline_s))
