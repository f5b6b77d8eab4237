"""Connections to the shard's server.

Every connection runs `epoch.lua` before its first command, so nobody can append to, or vouch for, a server that
restarted or took over without the epoch having been opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis import exceptions as redis_errors
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from streams import scripts
from streams.entry import Position
from streams.errors import RETRYABLE, LogUnavailable, ServerUnfit
from streams.keys import Keys
from streams.trunk import TrunkClient

EPOCH_MARGIN_MS = 10_000
"""How far ahead of everything known a new epoch begins: covers clocks of primary and replica that differ by less."""

_MINIMUM = {"redis": (6, 2), "valkey": (7, 2)}

T = TypeVar("T")

Client = Any
"""An asyncio Redis client. redis-py types every answer as a union over protocols and decodings; ours is always RESP2
and bytes, so answers are taken as they are and parsed where they arrive."""


class Link:
    """Where the shard's server is, and how to connect to it. Opens nothing by itself.

    url: `redis://`, `rediss://` or `unix://`. With `sentinels` the URL's host is the name of the primary.
    known: the highest position that this process ever saw; a new epoch begins above it.
    """

    def __init__(self, url: str, keys: Keys, sentinels: tuple[tuple[str, int], ...] = ()) -> None:
        self.url = url
        self.keys = keys
        self.known = Position.ZERO
        self._sentinels = sentinels
        self._clients: list[Client] = []
        self._closed = False

    def saw(self, position: Position) -> None:
        """Remember a position, so that an epoch that this process opens begins above it."""
        self.known = max(self.known, position)

    def client(self, connections: int = 16, timeout_s: float = 5.0) -> Client:
        """A pooled client; `aclose` of this link closes it. Nothing is retried inside: callers own their retries.

        Raises ServerUnfit for a URL that is none, as `trunk` and `onlooker` do.
        """
        return self._made(Redis, connections, timeout_s, self._greet)

    def trunk(self, connections: int = 16, timeout_s: float = 5.0) -> Client:
        """The same, but all its calls share one connection (streams/trunk.py)."""
        return self._made(TrunkClient, connections, timeout_s, self._greet)

    def onlooker(self, timeout_s: float = 3.0) -> Client:
        """A client of one connection that opens no epoch: for who looks at a server and leaves nothing on it."""
        return self._made(Redis, 1, timeout_s, greeting=None)

    def _made(
        self,
        kind: type[Redis],
        connections: int,
        timeout_s: float,
        greeting: Callable[[Connection], Awaitable[None]] | None,
    ) -> Client:
        options: dict[str, Any] = {
            "socket_timeout": timeout_s,
            "socket_connect_timeout": min(timeout_s, 3.0),
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
            "redis_connect_func": greeting,
        }
        if self._sentinels:
            client = self._behind_sentinel(kind, options, connections)
        else:
            pool = self._pool(connections, timeout_s, options)
            client = kind.from_pool(pool)
        self._clients.append(client)
        return client

    def _pool(self, connections: int, timeout_s: float, options: dict[str, Any]) -> BlockingConnectionPool:
        try:
            return BlockingConnectionPool.from_url(self.url, max_connections=connections, timeout=timeout_s, **options)
        except ValueError:  # its words may quote the password
            raise ServerUnfit("REDIS_URL: not a URL of a server; expected redis://user:password@host:6379/0") from None

    def _behind_sentinel(self, kind: type[Redis], options: dict[str, Any], connections: int) -> Client:
        auth = parse_url(self.url)
        for name in ("username", "password", "db"):
            if name in auth:
                options[name] = auth[name]
        sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
            list(self._sentinels), socket_timeout=2.0
        )
        self._clients += sentinel.sentinels
        name = urlsplit(self.url).hostname or "mymaster"
        return sentinel.master_for(name, redis_class=kind, max_connections=connections, **options)

    async def _greet(self, connection: Connection) -> None:
        if self._closed:  # nobody would close this connection any more
            raise redis_errors.RedisError("this process is closing")
        await connection.on_connect()
        await connection.send_command(
            "EVAL",
            scripts.source("epoch"),
            3,
            self.keys.epoch,
            self.keys.log,
            self.keys.heads,
            self.known.ms,
            EPOCH_MARGIN_MS,
        )
        await connection.read_response()

    async def aclose(self) -> None:
        """Close every client; a call that still comes raises LogUnavailable. May be called twice."""
        self._closed = True
        clients, self._clients = self._clients, []
        for client in clients:
            await client.aclose()


async def run_script(client: Client, name: str, keys: list[str], args: list[Any]) -> Any:
    """EVALSHA of `lua/{name}.lua`, loading it when the server does not know it."""
    try:
        return await client.evalsha(scripts.digest(name), len(keys), *keys, *args)
    except redis_errors.NoScriptError:
        return await client.eval(scripts.source(name), len(keys), *keys, *args)


async def now_ms(client: Client) -> int:
    """Unix ms by the server's clock: times that several machines compare are all of it. Call it within `retrying`."""
    seconds, micros = await client.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def open_epoch(client: Client, link: Link) -> Position:
    """Open an epoch if the log has none or another server answers for it; returns the epoch's position."""
    names = link.keys
    raw = await run_script(client, "epoch", [names.epoch, names.log, names.heads], [link.known.ms, EPOCH_MARGIN_MS])
    return Position.parse(raw)


async def retrying(call: Callable[[], Awaitable[T]], deadline_s: float = 5.0) -> T:
    """Await `call()` until it succeeds, with exponential pauses from 20 ms to 500 ms, for at most `deadline_s`.

    Only for calls that may be repeated. Raises LogUnavailable, with the last fault as its cause. Cancel-safe.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    pause_s = 0.02
    while True:
        try:
            return await call()
        except RETRYABLE as fault:
            if loop.time() + pause_s > deadline:
                raise LogUnavailable(f"the log did not answer for {deadline_s:g} s: {fault}") from fault
        except redis_errors.RedisError as fault:
            raise LogUnavailable(f"the log refused: {fault}") from fault
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.5)


async def check_server(link: Link) -> list[str]:
    """Connect, and look whether the server can carry the log.

    Raises ServerUnfit in one line when it cannot. Returns warnings: things that work now and lose data later.
    """
    client = link.onlooker()
    place = _without_password(link.url)
    try:
        info = await client.info("server")
        policy = await _eviction_policy(client)
    except redis_errors.AuthenticationError as fault:
        raise ServerUnfit(f"REDIS_URL: {place} refuses the password: {fault}") from fault
    except redis_errors.NoPermissionError as fault:
        raise ServerUnfit(f"REDIS_URL: {place} lets this user do too little: {fault}") from fault
    except redis_errors.RedisError as fault:
        raise ServerUnfit(f"REDIS_URL: no server answers at {place}: {fault}") from fault
    finally:
        await client.aclose()
    name = "valkey" if info.get("server_name") == "valkey" or "valkey_version" in info else "redis"
    version = str(info.get(f"{name}_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < _MINIMUM[name]:
        needed = ".".join(map(str, _MINIMUM[name]))
        raise ServerUnfit(f"REDIS_URL: {place} is {name} {version}; {needed} or newer is needed")
    if policy not in ("noeviction", ""):
        return [f"maxmemory-policy is {policy}: an evicted stream is lost data; set it to noeviction"]
    return []


async def health_of(client: Client) -> list[str]:
    """What speaks against the server right now; empty when nothing does. Raises LogUnavailable when it is silent."""
    replication = await retrying(lambda: client.info("replication"), 1.0)
    policy = await retrying(lambda: _eviction_policy(client), 1.0)
    found = []
    if replication.get("role") != "master":
        found.append(f"redis: the server is a {replication.get('role')}, not the primary")
    if policy not in ("noeviction", ""):
        found.append(f"redis: maxmemory-policy is {policy}, an evicted stream is lost data; set it to noeviction")
    return found


async def _eviction_policy(client: Client) -> str:
    memory = await client.info("memory")
    return str(memory.get("maxmemory_policy", ""))


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
