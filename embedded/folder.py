"""The data folder: what lies where, and sockets whose path is short enough for the kernel."""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import EmbeddedError

SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103  # sun_path, without its closing NUL
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"
LOG_BYTES = 10_000_000  # a log that is larger is set aside (one generation) before a server starts


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one data folder. `root` is absolute and resolved; make one with `prepare`."""

    root: Path

    @classmethod
    def prepare(cls, data_dir: Path) -> "Folder":
        """Make the folder and its parts where missing. Safe in many processes at once.

        As root the folder itself may be traversed (0711), for PostgreSQL runs as another user; its other parts are
        private. Raises `EmbeddedError`.
        """
        folder = cls(data_dir.expanduser().resolve())
        try:
            folder.root.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            for part in (folder.logs, folder.valkey):
                part.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"the data folder {folder.root} cannot be used: {error.strerror}") from error
        return folder

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data, or a symbolic link to where it had to be put."""
        return self.root / "postgres"

    @property
    def start_lock(self) -> Path:
        """Held by the process that is starting a keeper."""
        return self.root / "start.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper for as long as it lives."""
        return self.root / "keeper.lock"

    @property
    def run(self) -> Path:
        """The private folder of the sockets: `run` in the data folder, or a short one when that path is too long."""
        inside = self.root / "run"
        return inside if fits(inside) else short_folder(self.root)

    @property
    def keeper_socket(self) -> Path:
        return self.run / "keeper.sock"

    def log(self, server: str) -> Path:
        """The log file of `server` ("keeper", "valkey", "postgres")."""
        return self.logs / f"{server}.log"

    def open_log(self, server: str) -> int:
        """A descriptor that appends to the log of `server`; the caller closes it. One above `LOG_BYTES` goes aside."""
        path = self.log(server)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@contextmanager
def passing_folder(prefix: str) -> Iterator[Path]:
    """A data folder that is gone at the end, with all that its servers have written: they must have stopped by then.

    As root it may be traversed: PostgreSQL's data would else lie outside of it, and stay.
    """
    with tempfile.TemporaryDirectory(prefix=prefix) as made:
        if os.geteuid() == 0:
            Path(made).chmod(0o711)
        yield Path(made)


def fits(folder: Path) -> bool:
    """Whether every socket of ours in `folder` has a path that the kernel takes."""
    return len(os.fsencode(folder / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES


def short_folder(root: Path) -> Path:
    """A short folder for the sockets of the data folder `root`, the same in every process of this user."""
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"roomlog-{os.geteuid()}-{digest}"


def make_private(folder: Path) -> None:
    """Make `folder` with mode 0700; raises `EmbeddedError` if somebody else made it, or a link in its place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise EmbeddedError(f"{folder} is not a private folder of this user: remove it, or set ROOMLOG_DATA_DIR")
