"""What the log's server says of itself: for operators."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.errors import LogUnavailable
from streams.link import Client, retrying

ASK_S = 2.0
"""A server that takes longer for this is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """kind: "valkey" or "redis". role: "master", or what it is instead. None: the server does not say.

    max_bytes: None when it has no limit. aof: whether it appends to a file; aof_ok: whether the last writes to it went
    well. last_save_ok: the same of the last snapshot. clients: connections. keys: of this database.
    """

    version: str | None = None
    kind: str | None = None
    role: str | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None
    policy: str | None = None
    aof: bool | None = None
    aof_ok: bool | None = None
    last_save_ok: bool | None = None
    clients: int | None = None
    ops_s: int | None = None
    keys: int | None = None
    run_id: str | None = None
    ping_ms: float | None = None


async def server_facts(client: Client) -> ServerFacts:
    """Ask the server. Raises LogUnavailable, soon."""

    async def ask() -> tuple[Mapping[str, Any], int, float]:
        begun = time.perf_counter()  # the loop's own clock stands still within a turn of it, and counts whole ms
        await client.ping()
        ping_ms = (time.perf_counter() - begun) * 1000
        return await client.info(), int(await client.dbsize()), ping_ms

    try:
        async with asyncio.timeout(ASK_S):
            info, keys, ping_ms = await retrying(ask, ASK_S / 2)
    except TimeoutError as fault:
        raise LogUnavailable(f"the log did not answer for {ASK_S:g} s") from fault
    return _facts(info, keys, round(ping_ms, 2))


async def facts_by_info(client: Client) -> ServerFacts:
    """What INFO alone tells: `keys` and `ping_ms` are None. Raises LogUnavailable, soon."""
    return _facts(await retrying(client.info, ASK_S / 2), None, None)


def _facts(info: Mapping[str, Any], keys: int | None, ping_ms: float | None) -> ServerFacts:
    kind = "valkey" if info.get("server_name") == "valkey" or "valkey_version" in info else "redis"
    aof = info.get("aof_enabled")
    written = (info.get("aof_last_write_status"), info.get("aof_last_bgrewrite_status"))
    saved = info.get("rdb_last_bgsave_status")
    return ServerFacts(
        version=info.get(f"{kind}_version"),
        kind=kind,
        role=info.get("role"),
        used_bytes=info.get("used_memory"),
        max_bytes=info.get("maxmemory") or None,
        policy=info.get("maxmemory_policy"),
        aof=None if aof is None else bool(aof),
        aof_ok=all(status in ("ok", None) for status in written) if aof else None,
        last_save_ok=None if saved is None else saved == "ok",
        clients=info.get("connected_clients"),
        ops_s=info.get("instantaneous_ops_per_sec"),
        keys=keys,
        run_id=info.get("run_id"),
        ping_ms=ping_ms,
    )
