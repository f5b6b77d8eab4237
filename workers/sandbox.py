"""The outside of a sandbox: a disposable process in which hostile updates may do their worst.

One update can end pycrdt with a segmentation fault, or keep it busy for minutes with the interpreter's lock held. So
documents exist only in a child that holds nothing: no secrets in its environment, no open files, a memory limit, for
every job a limit of CPU time, and a session of its own. It stays warm between jobs and is replaced after a failure.

When its owner is killed the child ends by itself: at the end of its stdin, or, busy, when its CPU time is used up.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from archive.yjs import OURS, Malformed, OverLimit, Vector, decode_vector
from workers.frames import HEAD, Garbled, packed, unpacked

ROOT = Path(__file__).resolve().parent.parent  # where `-m workers.sandboxed` finds our packages, installed or not


class SandboxError(Exception):
    """A job that was not done; the child is gone, and the next job gets a new one."""


class SandboxDied(SandboxError):
    """The job killed the child: a crash, or more memory than it may have."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SandboxHung(SandboxError):
    """The job used up its CPU time."""


class Refused(SandboxError):
    """The job failed inside, in an orderly way: the updates cannot be integrated. reason: one line."""

    quotes_data = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SandboxStarved(SandboxError):
    """No answer in time, and the CPU time is not used up: the machine's fault, not the job's. Try again later."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """memory_bytes: address space of the child. jobs: after so many it is replaced, whatever pycrdt may have leaked.

    cpu_s, cpu_s_per_mb: CPU time of a job, and more for every 10⁶ bytes of it. A fold of 100,000 updates (2.5 MB)
    takes about 3 s, the worst update that the reader lets pass 0.1 s.
    patience: a job may last so many times its CPU time before its child is given up, however busy the machine is.
    answer_bytes: a child that claims to send more has lost its mind.
    """

    memory_bytes: int = 1 << 30
    jobs: int = 1_000
    cpu_s: float = 2.0
    cpu_s_per_mb: float = 2.0
    patience: float = 10.0
    answer_bytes: int = 128 << 20

    def cpu_of(self, size: int) -> int:
        """Whole seconds of CPU time for a job of so many bytes."""
        return int(self.cpu_s + self.cpu_s_per_mb * size / 1e6 + 0.5)


@dataclass(frozen=True, slots=True)
class Folded:
    """What a snapshot and updates come to.

    state: one update that holds all of it. vector: as far as `state` goes without a hole.
    lossless: `state` is the updates merged without a document, because the document's own state would have lost
    something: what waits for a missing update, or what follows half a surrogate pair. It is larger.
    markdown: of the note in it.
    """

    state: bytes
    vector: Vector
    lossless: bool
    markdown: str


class Sandbox:
    """One child at a time, started with the first job. Calls may overlap: they take turns.

    Every job may raise SandboxDied, SandboxHung, Refused (the input's fault), SandboxStarved (not its fault), and
    OSError when no process can be started. Cancelling a job kills the child and is safe.
    """

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        self._limits = limits or SandboxLimits()
        self._turn = asyncio.Lock()
        self._child: _Child | None = None
        self._closed = False

    async def fold(self, snapshot: bytes, updates: Sequence[bytes]) -> Folded:
        """Integrate updates, which the reader has accepted each, behind a snapshot; b"": there is none."""
        answer = await self._job(b"fold", [snapshot, *updates])
        try:
            state, vector, lossless, markdown = answer
            return Folded(state, decode_vector(vector, OURS), bool(lossless), markdown.decode())
        except (Malformed, OverLimit, ValueError) as fault:
            raise SandboxDied("its answer makes no sense") from fault

    async def markdown(self, state: bytes) -> str:
        """The Markdown of the note in a state."""
        answer = await self._job(b"markdown", [state])
        try:
            (markdown,) = answer
            return markdown.decode()
        except ValueError as fault:
            raise SandboxDied("its answer makes no sense") from fault

    async def aclose(self) -> None:
        """End the child; a job that runs is killed. May be called twice."""
        self._closed = True
        if self._child is not None:
            self._child.kill()
        async with self._turn:
            await self._discard()

    async def _job(self, name: bytes, parts: Sequence[bytes]) -> list[bytes]:
        """A death is the job's only in a new child: a warm one may die of an earlier job, or by somebody's hand."""
        async with self._turn:
            child = await self._ready()
            warm = child.jobs > 0
            try:
                return await self._done(child, name, parts)
            except SandboxDied:
                if not warm or self._closed:
                    raise
            return await self._done(await self._ready(), name, parts)

    async def _done(self, child: _Child, name: bytes, parts: Sequence[bytes]) -> list[bytes]:
        cpu_s = self._limits.cpu_of(sum(map(len, parts)))
        try:
            outcome, *answer = await child.ask([name, b"%d" % cpu_s, *parts], cpu_s * self._limits.patience)
        except BaseException:
            await self._discard()
            raise
        if outcome == b"done":
            return answer
        await self._discard()
        raise Refused(b" ".join(answer).decode(errors="replace"))

    async def _ready(self) -> _Child:
        """The warm child, or a new one."""
        if self._closed:
            raise RuntimeError("the sandbox is closed")
        child = self._child
        if child is not None and (child.jobs >= self._limits.jobs or not child.alive):
            await self._discard()
        if self._child is None:
            self._child = await _Child.started(self._limits)
        return self._child

    async def _discard(self) -> None:
        """Kill the child and wait until nothing of it is left, even if we are cancelled."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        gone = asyncio.ensure_future(child.gone())
        try:
            await asyncio.shield(gone)
        except asyncio.CancelledError:
            await gone
            raise


class _Child:
    """A running child process."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        sink: asyncio.StreamWriter,
        source: asyncio.StreamReader,
        answer_bytes: int,
    ) -> None:
        self._process = process
        self._sink = sink
        self._source = source
        self._answer_bytes = answer_bytes
        self.jobs = 0

    @classmethod
    async def started(cls, limits: SandboxLimits) -> _Child:
        """Start one. What it prints to stderr goes nowhere: a panic could quote a user's text."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers.sandboxed", str(limits.memory_bytes)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=ROOT,
            env={"RUST_BACKTRACE": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a child without pipes")
        return cls(process, process.stdin, process.stdout, limits.answer_bytes)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(self, parts: Sequence[bytes], wall_s: float) -> list[bytes]:
        """Send a job and wait for its answer. Raises SandboxDied, SandboxHung, SandboxStarved."""
        self.jobs += 1
        try:
            async with asyncio.timeout(wall_s):
                return await self._asked(parts)
        except TimeoutError as fault:
            raise SandboxStarved(f"no answer within {wall_s:g} s") from fault
        except Garbled as fault:
            raise SandboxDied("its answer makes no sense") from fault
        except (asyncio.IncompleteReadError, ConnectionError) as fault:
            raise await self._death() from fault

    def kill(self) -> None:
        """Kill it and whatever is in its session. May be called twice."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait until it has ended and its pipes are closed. Call `kill` first."""
        self._sink.close()
        await self._process.wait()
        with suppress(ConnectionError):
            await self._sink.wait_closed()
        await self._source.read()

    async def _asked(self, parts: Sequence[bytes]) -> list[bytes]:
        self._sink.write(packed(parts))
        await self._sink.drain()
        (size,) = HEAD.unpack(await self._source.readexactly(HEAD.size))
        if size > self._answer_bytes:
            raise Garbled(f"an answer of {size} bytes")
        return unpacked(await self._source.readexactly(size))

    async def _death(self) -> SandboxError:
        """What its end means; the pipes are closed already, it is waited for."""
        code = await self._process.wait()
        if code == -signal.SIGXCPU:
            return SandboxHung("it used up its CPU time")
        return SandboxDied(f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
