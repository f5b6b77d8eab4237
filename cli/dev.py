"""`roomlog dev`: the servers, two nodes and a worker under one supervisor."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.settings import Settings, load_settings
from cli.errors import CommandError
from cli.token import token
from embedded import EmbeddedError, Servers, lease
from embedded.children import Child, roomlog

NODES = 2
POLL_S = 0.1
SLOW_S = 30.0  # when to say what is not ready yet
TOKEN_TTL_S = 86_400


def dev(host: str | None, port: int | None) -> int:
    """Run everything until SIGINT or SIGTERM; returns the exit code. Raises `SettingsError`, `CommandError`."""
    settings = load_settings()
    return asyncio.run(Supervisor(settings, host or settings.host, port or settings.port).run())


class Supervisor:
    """Owns the children and, so that the servers stay up while a child starts again, a lease of its own."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self.settings = settings
        self.host = host
        self.ports = [port + number for number in range(NODES)]
        self.children = self._children()
        self.stop = asyncio.Event()
        self.signals = 0

    async def run(self) -> int:
        """Start, say when all is ready, wait for a signal or a child that cannot run, stop everything."""
        for port in self.ports:
            check_free(self.host, port)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled)
        try:
            async with self._servers() as servers:
                try:
                    await self._until_stopped(servers)
                finally:
                    await asyncio.gather(*(child.stop() for child in self.children))
        except* (CommandError, EmbeddedError) as group:
            raise CommandError(first(group)) from None
        print("stopped", flush=True)
        return 0

    async def _until_stopped(self, servers: Servers | None) -> None:
        """Run the children and what belongs to them; they run no longer when this returns, unless it raises."""
        async with asyncio.TaskGroup() as tasks:
            owned = [tasks.create_task(child.run()) for child in self.children]
            owned.append(tasks.create_task(self._announce(servers)))
            if servers is not None:
                owned.append(tasks.create_task(servers.keep()))
            await self.stop.wait()
            await asyncio.gather(*(child.stop() for child in self.children))
            for task in owned:
                task.cancel()

    def _children(self) -> list[Child]:
        host = ("--host", self.host)
        demo = {"DEMO": "true", "DEMO_NODES": ",".join(self._urls())}
        programs = [
            roomlog(f"node{number}", "serve", *host, "--port", str(port), settings=demo)
            for number, port in enumerate(self.ports, 1)
        ]
        programs.append(roomlog("worker", "worker"))
        width = max(len(program.name) for program in programs)
        return [Child(program, width) for program in programs]

    @asynccontextmanager
    async def _servers(self) -> AsyncIterator[Servers | None]:
        """A lease on the embedded servers that the settings leave to us; None if they leave none."""
        redis, postgres = self.settings.log_url is None, self.settings.database_url is None
        if not (redis or postgres):
            yield None
            return
        print(f"starting Valkey and PostgreSQL in {self.settings.roomlog_data_dir} …", flush=True)
        async with lease(self.settings.roomlog_data_dir, redis=redis, postgres=postgres) as servers:
            yield servers

    def _signalled(self) -> None:
        """The first signal stops everything in order, the second kills."""
        self.signals += 1
        self.stop.set()
        if self.signals > 1:
            for child in self.children:
                child.kill()

    async def _announce(self, servers: Servers | None) -> None:
        started = time.monotonic()
        late = False
        async with httpx.AsyncClient(trust_env=False, timeout=2.0) as client:
            while waiting := [url for url in self._urls() if not await ready(client, url)]:
                if not late and time.monotonic() - started > SLOW_S:
                    late = True
                    print(f"not ready yet: {', '.join(waiting)}", flush=True)
                await asyncio.sleep(POLL_S)
        redis_url = servers.redis_url if servers else None
        user_token = token("alice", "Alice", "admin", TOKEN_TTL_S)
        print(banner(self._urls(), self.settings, redis_url, user_token), flush=True)

    def _urls(self) -> list[str]:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return [f"http://{f'[{host}]' if ':' in host else host}:{port}" for port in self.ports]


async def ready(client: httpx.AsyncClient, url: str) -> bool:
    """Whether the node says that it is ready."""
    try:
        return (await client.get(f"{url}/readyz")).is_success
    except httpx.TransportError:
        return False


def check_free(host: str, port: int) -> None:
    """Raises `CommandError` if nobody can listen on `port` now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(f"cannot listen on {host}:{port} ({error.strerror}): set PORT or HOST") from error


def first(group: BaseExceptionGroup[Exception]) -> str:
    """What the first leaf of a group says."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def banner(urls: list[str], settings: Settings, redis_url: str | None, user_token: str) -> str:
    """What a newcomer needs: the pages, the addresses, where the data is, the log's server for producers, a token."""
    rows = [
        ("demo", f"{urls[0]}/"),
        ("console", f"{urls[0]}/console#token={user_token}"),
        *((f"node {number}", url) for number, url in enumerate(urls, 1)),
        ("data", str(settings.roomlog_data_dir) if settings.log_url is None else "REDIS_URL, DATABASE_URL"),
        *([("redis", redis_url)] if redis_url and settings.log_url is None else []),
        ("token", user_token),
    ]
    body = "\n".join(f"  {name:<7} {value}" for name, value in rows)
    return f"\n  Roomlog is ready (Ctrl-C stops it)\n\n{body}\n"
