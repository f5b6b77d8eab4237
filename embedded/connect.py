"""How a process gets a lease: find the keeper of a data folder, or start it. Blocking."""

import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded.errors import EmbeddedError, did_not_start
from embedded.folder import Folder

POLL_S = 0.02
PACKAGE = Path(__file__).resolve().parent


def acquire(folder: Folder, servers: list[str], timeout_s: float) -> tuple[socket.socket, dict[str, str]]:
    """A lease on `servers` ("redis", "postgres") and their URLs by the same names.

    The socket is the lease: it lasts until it is closed. Raises `EmbeddedError` when a server does not start, or not
    within `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        connection = _connect(folder) or _start(folder, deadline)
        connection.settimeout(max(POLL_S, deadline - time.monotonic()))
        try:
            urls = _ask(connection, servers)
        except BaseException:
            connection.close()
            raise
        if urls is not None:
            connection.settimeout(None)
            return connection, urls
        connection.close()  # that keeper was about to stop
        time.sleep(POLL_S)
    raise _late(folder)


def _late(folder: Folder) -> EmbeddedError:
    return did_not_start("the keeper of Valkey and PostgreSQL", "no answer in time", folder.log("keeper"))


def _ask(connection: socket.socket, servers: list[str]) -> dict[str, str] | None:
    """The URLs, or None if the keeper went away instead of answering."""
    try:
        connection.sendall(json.dumps({"servers": servers}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            line = lines.readline()
    except TimeoutError as error:
        raise EmbeddedError("Valkey and PostgreSQL did not start in time") from error
    except ConnectionError:
        return None
    if not line:
        return None
    answer = json.loads(line)
    if "error" in answer:
        raise EmbeddedError(answer["error"])
    urls: dict[str, str] = answer["urls"]
    return urls


def _connect(folder: Folder) -> socket.socket | None:
    """A connection to the keeper, or None if there is none."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(folder.keeper_socket))
    except (FileNotFoundError, ConnectionError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise EmbeddedError(f"the data folder {folder.root} is in use by another user: {error.strerror}") from error
    return connection


def _start(folder: Folder, deadline: float) -> socket.socket:
    """Start a keeper and connect to it, unless another process was faster. Raises `EmbeddedError`."""
    with _only_one(folder, deadline):
        connection = _connect(folder)
        if connection is not None:
            return connection
        ready, write_end = os.pipe()
        try:
            try:
                _spawn(folder, write_end)
            finally:
                os.close(write_end)
            if not select.select([ready], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise _late(folder)
            started = os.read(ready, 1)
        finally:
            os.close(ready)
        connection = _connect(folder) if started else None
    if connection is None:
        raise did_not_start("the keeper of Valkey and PostgreSQL", "it ended", folder.log("keeper"))
    return connection


def _spawn(folder: Folder, ready: int) -> None:
    """Start the keeper in a session of its own, as nobody's child: it outlives us, and we need not wait for it."""
    command = [sys.executable, "-m", "embedded", str(folder.root), str(ready)]
    log = folder.open_log("keeper")
    try:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            cwd=PACKAGE.parent,  # where `-m` finds this package, installed or not
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[ready],
            start_new_session=True,
            check=True,
        )
    finally:
        os.close(log)


@contextmanager
def _only_one(folder: Folder, deadline: float) -> Iterator[None]:
    """Hold the lock under which a keeper is started."""
    lock = os.open(folder.start_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise _late(folder) from None
                time.sleep(POLL_S)
        yield
    finally:
        os.close(lock)
