"""Child processes that do not outlive us."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
STOP_S = 20.0  # a clean stop of either server takes well under a second; a busy disk may need more
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` after which the child gets signal `number` when the thread that started it ends, however it ends.

    The kernel forgets the wish at a change of user, but `subprocess` calls a `preexec_fn` after that change.
    Linux only; elsewhere it does nothing.
    """
    parent = os.getpid()

    def wish() -> None:
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the wish was made
            os._exit(1)

    return wish


async def stop(process: asyncio.subprocess.Process, number: signal.Signals, timeout_s: float = STOP_S) -> int:
    """Ask `process` to stop with signal `number`, wait, kill it after `timeout_s`. Returns its exit code."""
    if process.returncode is None:
        process.send_signal(number)
    try:
        return await asyncio.wait_for(process.wait(), timeout_s)
    except TimeoutError:
        process.kill()
        return await process.wait()


def stop_stale(pid_file: Path, name: str, number: signal.Signals, timeout_s: float = STOP_S) -> bool:
    """Stop the server that a dead keeper left behind, if the first line of `pid_file` names a living process `name`.

    Returns whether there was one. Its pid may have been given to somebody else meanwhile, hence the check of the name.
    """
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8").split()[0]))
        if Path(process.name()).name != name:
            return False
        process.send_signal(number)
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return False
    try:
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout_s)
    return True
