"""The keeper: owns the servers of one data folder for as long as somebody holds a lease on them."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
from typing import Protocol

from embedded.errors import EmbeddedError
from embedded.folder import Folder, make_private
from embedded.postgres import Postgres
from embedded.valkey import Valkey

LINGER_S = 1.0  # the servers outlive their last user by this much, so that a restart finds them warm
FIRST_LEASE_S = 10.0  # the process that started us may be killed before it connects


class Server(Protocol):
    """What the keeper needs of a server."""

    name: str
    process: asyncio.subprocess.Process | None

    async def start(self) -> str: ...
    async def stop(self) -> None: ...


class Keeper:
    """Starts a server when the first lease asks for it; `run` returns when the last lease is gone, or a server.

    One connection to the keeper's socket is one lease. It sends one line, `{"servers": ["redis", "postgres"]}`, and
    gets one, `{"urls": {"redis": …}}` or `{"error": …}`. It lasts until it is closed.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.servers: dict[str, Server] = {"redis": Valkey(folder), "postgres": Postgres(folder)}
        self.urls: dict[str, str] = {}
        self.leases = 0
        self.changed = asyncio.Event()  # a lease came or went
        self.ended = asyncio.Event()  # a signal, or a server that died
        self.starting = {name: asyncio.Lock() for name in self.servers}
        self.watches: list[asyncio.Task[None]] = []

    async def run(self, ready: int) -> None:
        """Serve leases; writes one byte to the descriptor `ready` when the socket listens, and closes it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ended.set)
        make_private(self.folder.run)
        self.folder.keeper_socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._lease, self.folder.keeper_socket)
        os.write(ready, b"+")
        os.close(ready)
        try:
            await self._until_unused()
        finally:
            server.close()
            self.folder.keeper_socket.unlink(missing_ok=True)
            await self._stop()
            self._tidy()

    async def _until_unused(self) -> None:
        end = asyncio.create_task(self.ended.wait())
        patience_s = FIRST_LEASE_S
        try:
            while not end.done():
                self.changed.clear()
                change = asyncio.create_task(self.changed.wait())
                timeout_s = None if self.leases else patience_s
                done, _ = await asyncio.wait({end, change}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if not done and not self.leases:
                    return
                patience_s = LINGER_S
        finally:
            end.cancel()

    async def _lease(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.leases += 1
        self.changed.set()
        try:
            names = json.loads(await reader.readline())["servers"]
            writer.write(json.dumps(await self._answer(names)).encode() + b"\n")
            await reader.read()  # until it is closed
        except (ConnectionError, ValueError, KeyError, TypeError) as error:
            log(f"a lease ended: {error!r}")
        finally:
            self.leases -= 1
            self.changed.set()
            writer.close()

    async def _answer(self, names: list[str]) -> dict[str, object]:
        try:
            urls = await asyncio.gather(*(self._url(name) for name in names))
        except EmbeddedError as error:
            log(str(error))
            return {"error": str(error)}
        return {"urls": dict(zip(names, urls, strict=True))}

    async def _url(self, name: str) -> str:
        async with self.starting[name]:
            if name not in self.urls:
                server = self.servers[name]
                self.urls[name] = await server.start()
                log(f"{server.name} is ready")
                self.watches.append(asyncio.create_task(self._watch(server)))
            return self.urls[name]

    async def _watch(self, server: Server) -> None:
        """A server that dies ends the keeper: its users notice, and their next lease starts a fresh one."""
        if server.process is not None:
            log(f"{server.name} ended by itself: exit {await server.process.wait()}")
            self.ended.set()

    async def _stop(self) -> None:
        for watch in self.watches:
            watch.cancel()
        for lock in self.starting.values():
            await lock.acquire()  # a start that is under way ends first, or its server would be left
        await asyncio.gather(*(server.stop() for server in self.servers.values()))
        log("stopped")

    def _tidy(self) -> None:
        """Remove a short folder for sockets again, which lies in the machine's temporary folder."""
        if not self.folder.run.is_relative_to(self.folder.root):
            shutil.rmtree(self.folder.run, ignore_errors=True)


def log(text: str) -> None:
    """One line in the keeper's log, which its standard error is."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is the log file


def main(folder: Folder, ready: int) -> int:
    """Be the keeper of `folder`. Waits for an earlier one, which may be stopping its servers still."""
    lock = os.open(folder.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Keeper(folder).run(ready))
    return 0
