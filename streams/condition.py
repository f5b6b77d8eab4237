"""What the log's server says of itself, for operators."""

from __future__ import annotations

import time
from dataclasses import dataclass

from streams.link import Client, now_ms, retrying


@dataclass(frozen=True, slots=True)
class Condition:
    """memory_max_bytes: its maxmemory, or the machine's memory when it has none. disk_ok: the last writes succeeded.

    clock_offset_s: this machine's clock less the server's.
    """

    memory_bytes: int
    memory_max_bytes: int
    disk_ok: bool
    clock_offset_s: float


async def condition_of(client: Client, deadline_s: float) -> Condition:
    """How the server is now. Raises LogUnavailable."""
    memory = await retrying(lambda: client.info("memory"), deadline_s)
    disk = await retrying(lambda: client.info("persistence"), deadline_s)
    return Condition(
        int(memory["used_memory"]),
        int(memory.get("maxmemory") or memory.get("total_system_memory", 0)),
        all(disk.get(last, "ok") == "ok" for last in ("aof_last_write_status", "rdb_last_bgsave_status")),
        await retrying(lambda: _clock_offset_s(client), deadline_s),
    )


async def _clock_offset_s(client: Client) -> float:
    asked = time.time()
    theirs = await now_ms(client) / 1000
    return (asked + time.time()) / 2 - theirs
