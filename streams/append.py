"""The one write: appending entries to rooms.

Appends that are made concurrently in a process travel in shared batches: whatever is waiting when the previous batch
was answered goes into the next one. A batch is one script call, all or nothing, and carries the producer's sequence
number, so that sending it again after a lost answer cannot append twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from redis import exceptions as redis_errors

from streams.batch import Head
from streams.document_change import refusal
from streams.documents import HASH_TTL_S, FoldDue
from streams.entry import Position
from streams.errors import EntryTooLarge, Fenced, KeyReused, LogError, LogUnavailable, RoomFull
from streams.line import Line
from streams.link import Link, open_epoch, retrying
from streams.new_entry import FENCE_TTL_S, Copy, Fence, NewEntry, Once, Step
from streams.pace import Gathering
from streams.scripts import digest, source
from streams.words import command

__all__ = ["Appended", "Appender", "Copy", "Fence", "NewEntry", "Once", "Step"]

BATCH_ENTRIES = 200
BATCH_BYTES = 1 << 20
"""A batch ends at either: it bounds how long one script holds the server (about 10 µs an entry)."""

WAITING_BYTES = 64 << 20
"""What may wait for its batch; above it new appends are refused as LogUnavailable."""

PRODUCER_TTL_S = 3600

TIMEOUT_S = 2.0
"""Of one try to send a batch."""


class Appended(NamedTuple):
    """place: where the entry is in the log, as the log writes it. repeated: an idempotency key named an entry that was
    there before."""

    place: str
    repeated: bool = False

    @property
    def position(self) -> Position:
        """The place, to compare: read when it is asked for, as most callers only hand it on."""
        return Position.parse(self.place)


@dataclass(slots=True)
class _Waiting:
    entry: NewEntry
    size: int
    answer: asyncio.Future[Appended]
    since: float


class Appender:
    """Appends entries of one process, in the order in which `append` was called.

    `run` does the work and must be running. One batch is on its way at a time. pause_s: how long it waits before the
    next one while entries come fast from many callers, so that they share it; 0: never.
    """

    def __init__(
        self,
        link: Link,
        *,
        room_cap: int,
        log_length: int,
        deadline_s: float = 5.0,
        entry_bytes: int = 16 << 20,
        fold_due: FoldDue | None = None,
        pause_s: float = 0.002,
    ) -> None:
        self._link = link
        self._client = link.client(connections=2, timeout_s=TIMEOUT_S)  # one for the line, one for a new epoch
        self._line = Line(self._client)
        self._room_cap = room_cap
        self._deadline_s = deadline_s
        self._entry_bytes = entry_bytes
        self._head = Head(
            link.keys,
            link.keys.producer(secrets.token_hex(8)),
            (PRODUCER_TTL_S, log_length, room_cap, FENCE_TTL_S),
            (fold_due or FoldDue()).encoded(),
            HASH_TTL_S,
        )
        self._pace = Gathering(pause_s)
        self._sequence = 0
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._on_its_way: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._closed = False

    async def append(self, entry: NewEntry) -> Appended:
        """Append one entry; returns when the log has it.

        Raises EntryTooLarge, RoomFull, KeyReused, Fenced, and for a change Moved, DocumentUnknown, DocumentGap,
        OtherEpoch, Seeded, DocumentFull (nothing was appended), or LogUnavailable (it is not known whether it was). A
        cancelled caller's entry may still be appended. Calls of one task that follow each other, and calls made in one
        turn of the loop, are appended in that order.
        """
        if entry.change and (entry.fence or not entry.binary):
            raise ValueError("a change has an attachment and no fence")
        size = entry.size_bytes
        if size > self._entry_bytes:
            raise EntryTooLarge(f"an entry of {size} bytes is above the limit of {self._entry_bytes}")
        if self._closed:
            raise LogUnavailable("this process is closing")
        if self._waiting_bytes + size > WAITING_BYTES:
            raise LogUnavailable(f"{self._waiting_bytes} bytes wait to be appended already")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(entry, size, loop.create_future(), loop.time())
        self._waiting.append(waiting)
        self._waiting_bytes += size
        self._wake.set()
        return await waiting.answer

    async def run(self) -> None:
        """Send batches until cancelled or closed. Whoever still waits then gets LogUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            while not self._closed:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    batch = self._take()
                    await self._send(batch)
                    if pause_s := self._pace.after(len(batch), loop.time()):
                        await asyncio.sleep(pause_s)
        finally:
            self._closed = True
            for waiting in self._waiting:
                _refuse(waiting, LogUnavailable("this process is closing"))
            self._waiting.clear()
            await self._line.aclose()

    async def drain(self) -> None:
        """Wait until everything that was handed in is answered, then refuse more."""
        while due := [each.answer for each in (*self._on_its_way, *self._waiting) if not each.answer.done()]:
            await asyncio.wait(due)
        self._closed = True
        self._wake.set()

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while (
            self._waiting and len(batch) < BATCH_ENTRIES and (not batch or size + self._waiting[0].size < BATCH_BYTES)
        ):
            waiting = self._waiting.popleft()
            size += waiting.size
            batch.append(waiting)
        self._waiting_bytes -= size
        self._on_its_way = batch
        return batch

    async def _send(self, batch: list[_Waiting]) -> None:
        self._sequence += 1
        words = self._head.encode(self._sequence, [waiting.entry for waiting in batch])
        try:
            results = await retrying(lambda: self._attempt(words), self._deadline_s)
        except LogError as fault:
            for waiting in batch:
                _refuse(waiting, fault)
            if isinstance(fault, LogUnavailable):
                self._refuse_overdue(fault)
            return
        except BaseException:
            for waiting in batch:
                _refuse(waiting, LogUnavailable("this process is closing"))
            raise
        newest = ""
        for waiting, result in zip(batch, results, strict=True):
            said = result.decode()
            if said[0].isdigit():
                newest = said
                if not waiting.answer.done():
                    waiting.answer.set_result(Appended(said))
            elif not waiting.answer.done():
                self._tell(waiting, said)
        if newest:
            self._link.saw(Position.parse(newest))

    def _refuse_overdue(self, fault: LogUnavailable) -> None:
        """Refuse what waited behind a batch that failed, for as long as it was tried: batches do not add up."""
        overdue = asyncio.get_running_loop().time() - self._deadline_s
        while self._waiting and self._waiting[0].since <= overdue:
            waiting = self._waiting.popleft()
            self._waiting_bytes -= waiting.size
            _refuse(waiting, fault)

    async def _attempt(self, words: list[bytes]) -> list[bytes]:
        try:
            return await self._run(words)
        except redis_errors.ResponseError as fault:
            if not str(fault).startswith("NOEPOCH"):
                raise
            await open_epoch(self._client, self._link)
            return await self._run(words)

    async def _run(self, words: list[bytes]) -> list[bytes]:
        try:
            return list(await self._line.call(command(("EVALSHA", digest("append")), words), TIMEOUT_S))
        except redis_errors.NoScriptError:
            return list(await self._line.call(command(("EVAL", source("append")), words), TIMEOUT_S))

    def _tell(self, waiting: _Waiting, said: str) -> None:
        """Answers with what is not the position of a new entry."""
        entry, answer = waiting.entry, waiting.answer
        if said.startswith("="):
            answer.set_result(Appended(said[1:], repeated=True))
            self._link.saw(Position.parse(said[1:]))
        elif said == "full":
            answer.set_exception(RoomFull(entry.room, self._room_cap))
        elif said == "fenced":
            answer.set_exception(Fenced("this run of the message is over: a newer one began, or it was closed"))
        elif said == "reused":
            answer.set_exception(KeyReused("the idempotency key was used for another payload"))
        else:
            cap_bytes = entry.change.cap_bytes if entry.change else 0
            answer.set_exception(refusal(entry.room, said, cap_bytes) or AssertionError(f"append.lua said {said}"))


def _refuse(waiting: _Waiting, fault: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(fault)
