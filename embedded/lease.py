"""A process's claim on the servers of a data folder."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from embedded.connect import acquire
from embedded.errors import EmbeddedError
from embedded.folder import Folder

START_S = 120.0  # a first start makes a database cluster: 2 s, on a busy disk much more


class Servers:
    """The servers that a lease is on. `redis_url` and `database_url` are None for a server that was not asked for.

    `redis_url` is `unix:///…`, `database_url` is `postgresql://postgres@/roomlog?host=…` (a folder, percent-encoded).
    """

    def __init__(self, folder: Folder, names: list[str], connection: socket.socket, urls: dict[str, str]) -> None:
        self.redis_url = urls.get("redis")
        self.database_url = urls.get("postgres")
        self.lost = asyncio.Event()
        self._folder = folder
        self._names = names
        self._connection = connection
        self._watch: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Set `lost` when the keeper, and with it the servers, goes away. `lease` calls it."""
        self._connection.setblocking(False)
        self._watch = asyncio.create_task(self._until_closed())

    async def renew(self) -> None:
        """After `lost`: start the servers again. The URLs stay the same, so clients need only reconnect.

        Raises `EmbeddedError`. Cancelling it is safe.
        """
        await self._unwatch()
        self._connection.close()
        self._connection, urls = await _acquire(self._folder, self._names)
        if (self.redis_url, self.database_url) != (urls.get("redis"), urls.get("postgres")):
            raise EmbeddedError(f"the servers of {self._folder.root} came back at another address: start again")
        self.lost.clear()
        self.watch()

    async def keep(self) -> None:
        """Renew the lease whenever it is lost, for as long as it runs: a task for a `TaskGroup`.

        Raises `EmbeddedError` when the servers do not come back.
        """
        while True:
            await self.lost.wait()
            await self.renew()

    async def aclose(self) -> None:
        """Give the lease back. May be called twice."""
        await self._unwatch()
        self._connection.close()

    async def _until_closed(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError):
            while await loop.sock_recv(self._connection, 1):
                pass  # the keeper says nothing after its answer
        self.lost.set()

    async def _unwatch(self) -> None:
        """End the watch before the socket is closed: the event loop still waits on its descriptor."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None


@asynccontextmanager
async def lease(data_dir: Path, *, redis: bool = True, postgres: bool = True) -> AsyncIterator[Servers]:
    """Hold the servers of `data_dir`, which are started if they do not run; the last one to leave stops them.

    Raises `EmbeddedError` with one line when a server does not start. Cancelling it is safe.
    """
    folder = Folder.prepare(data_dir)
    names = _names(redis=redis, postgres=postgres)
    servers = Servers(folder, names, *await _acquire(folder, names))
    servers.watch()
    try:
        yield servers
    finally:
        await servers.aclose()


@contextmanager
def hold(data_dir: Path, *, redis: bool = True, postgres: bool = True) -> Iterator[dict[str, str]]:
    """`lease` for code that does not run in an event loop: yields the URLs by the names "redis" and "postgres"."""
    connection, urls = acquire(Folder.prepare(data_dir), _names(redis=redis, postgres=postgres), START_S)
    with connection:
        yield urls


def is_running(data_dir: Path) -> bool:
    """Whether somebody holds the servers of `data_dir` now. Makes and starts nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
        probe.connect(str(Folder(data_dir.expanduser().resolve()).keeper_socket))
        return True
    return False


def _names(*, redis: bool, postgres: bool) -> list[str]:
    return [name for name, wanted in (("redis", redis), ("postgres", postgres)) if wanted]


async def _acquire(folder: Folder, names: list[str]) -> tuple[socket.socket, dict[str, str]]:
    """`acquire` in a thread; if we are cancelled meanwhile, the lease is given back as soon as it is there."""
    attempt = asyncio.ensure_future(asyncio.to_thread(acquire, folder, names, START_S))
    try:
        return await asyncio.shield(attempt)
    except asyncio.CancelledError:
        attempt.add_done_callback(_give_back)
        raise


def _give_back(attempt: "asyncio.Future[tuple[socket.socket, dict[str, str]]]") -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result()[0].close()
