"""The processes that `roomlog dev` looks after."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.process import die_with_parent, stop

ROOT = Path(__file__).resolve().parent.parent  # where `-m cli.main` finds our packages, installed or not
STOP_S = 10.0  # a node lets its requests end (5 s) and says goodbye; then it is killed
LIVED_S = 10.0  # a child that lived this long was all right: the next restart starts from the shortest pause
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
PATIENCE = 5  # early ends in a row after which we give up
LINE_BYTES = 1 << 16  # a longer line of output is cut into pieces


@dataclass(frozen=True, slots=True)
class Program:
    """A command to run, its output marked with `name`. settings: for its environment, where that does not set them."""

    name: str
    command: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)


def roomlog(name: str, *arguments: str, settings: Mapping[str, str] | None = None) -> Program:
    """The program `roomlog` with these arguments."""
    return Program(name, (sys.executable, "-m", "cli.main", *arguments), settings or {})


class Child:
    """One child process: started again when it ends by itself, stopped with us, killed with us."""

    def __init__(self, program: Program, width: int) -> None:
        self.program = program
        self.label = program.name.ljust(width)
        self.process: asyncio.subprocess.Process | None = None
        self.stopping = False

    async def run(self) -> None:
        """Keep it running until `stop`. Raises `EmbeddedError` after `PATIENCE` early ends in a row."""
        early, pause_s = 0, FIRST_PAUSE_S
        while not self.stopping:
            started = time.monotonic()
            code = await self._once()
            if self.stopping:
                return
            if time.monotonic() - started > LIVED_S:
                early, pause_s = 0, FIRST_PAUSE_S
            early += 1
            if early >= PATIENCE:
                raise EmbeddedError(
                    f"{self.program.name} ended {early} times in a row, {ending(code)}: see its output above"
                )
            self.say(f"ended, {ending(code)}; starts again in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def stop(self) -> None:
        """Ask it to stop, kill it after `STOP_S`. It does not start again. May be called twice."""
        self.stopping = True
        if self.process is not None:
            await stop(self.process, signal.SIGTERM, STOP_S)

    def kill(self) -> None:
        """Kill it now."""
        self.stopping = True
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    def say(self, text: str) -> None:
        """Print one line marked with its name."""
        print(f"{self.label} | {text}", flush=True)

    async def _once(self) -> int:
        """Start it and pass its output on until it ends; returns its exit code.

        It gets a session of its own, or Ctrl-C in the terminal would reach it beside us.
        """
        process = await asyncio.create_subprocess_exec(
            *self.program.command,
            env=environment(self.program.settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        self.process = process
        if self.stopping:  # asked while it was being started
            process.terminate()
        if process.stdout is not None:
            await self._pass_on(process.stdout)
        return await process.wait()

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        while line := await read_line(output):
            self.say(line.decode("utf-8", "replace").rstrip())


async def read_line(output: asyncio.StreamReader) -> bytes:
    """The next line, or `LINE_BYTES` of one that is longer; empty at the end."""
    try:
        return await output.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await output.readexactly(error.consumed)


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings unless we have them, and ours, with our packages on the path, output that is not held back, and no
    further worker beside a node.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    ours = {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        "EMBEDDED_WORKER": "false",
        "DRAIN_SECONDS": "0",  # they stop together: there is no other node to send clients to
    }
    return dict(settings) | os.environ | ours


def ending(code: int) -> str:
    """How a process ended, for people: "exit code 1" or "killed by SIGKILL"."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
