"""The log on a real Valkey, against a list: whatever happens, a reader gets what was appended after its position.

Either all of it, once and in order, or a Gap; never a silent hole.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from redis import exceptions as redis_errors

from streams.append import Appended, Appender, NewEntry, Once
from streams.entry import Entry, Position
from streams.history import History
from streams.keys import Keys
from streams.line import Line
from streams.link import Link, open_epoch
from streams.replay import Gap, Reader
from streams.rooms import Rooms
from streams.scripts import digest
from streams.words import command
from tests.support.valkey import ValkeyServer

ROOMS = ("user:a", "user:b", "chat:c")
_prefixes = (f"p{number}" for number in itertools.count())

Read: TypeAlias = "list[tuple[Position, str, bytes]] | None"
Fault: TypeAlias = Literal["none", "refused", "lost", "late", "stale"]
"""What happens to the first try of a batch: it is answered; it never arrives; its answer is lost; it arrives after
the second try; it arrives after the next batch."""


class FaultyAppender(Appender):
    """An appender on a link that fails as the test says."""

    fault: Fault = "none"
    _held_back: list[bytes] | None = None
    _behind_next = False

    async def _attempt(self, words: list[bytes]) -> list[bytes]:
        fault, self.fault = self.fault, "none"
        if fault in ("refused", "late", "stale"):
            self._held_back = None if fault == "refused" else words
            self._behind_next = fault == "stale"
            raise redis_errors.ConnectionError("cut before it arrived")
        if fault == "lost":
            await super()._attempt(words)
            raise redis_errors.ConnectionError("cut before the answer")
        answer = await super()._attempt(words)
        await self._let_through(words, answer)
        return answer

    async def _let_through(self, words: list[bytes], answer: list[bytes]) -> None:
        """The held back try arrives now: it must find its answer, or be refused, and append nothing."""
        if self._held_back is None:
            return
        old = self._held_back
        is_next = old is not words
        if self._behind_next and not is_next:
            return
        self._held_back = None
        if is_next:
            with pytest.raises(redis_errors.ResponseError, match="STALE"):
                await self._late(old)
        else:
            assert await self._late(old) == answer

    async def _late(self, words: list[bytes]) -> Any:
        """The answer to a try that arrives over a connection that nobody waits at."""
        line = Line(self._client)
        try:
            return await line.call(command(("EVALSHA", digest("append")), words), timeout_s=5.0)
        finally:
            await line.aclose()


@dataclass(frozen=True)
class Append:
    """A burst of concurrent appends, while a reader reads everything. times: how often to each of the rooms."""

    rooms: tuple[int, ...]
    times: int
    fault: Fault
    once: int | None


@dataclass(frozen=True)
class Trim:
    """The room's oldest `share` percent of entries go."""

    room: int
    share: int


@dataclass(frozen=True)
class Restart:
    """Another server process answers for the same data: an epoch opens."""


Step: TypeAlias = Append | Trim | Restart

_steps = st.lists(
    st.one_of(
        st.builds(
            Append,
            rooms=st.lists(st.sampled_from(range(len(ROOMS))), min_size=1, max_size=10).map(tuple),
            times=st.sampled_from((1, 3, 50)),
            fault=st.sampled_from(("none", "refused", "lost", "late", "stale")),
            once=st.none() | st.integers(0, 2),
        ),
        st.builds(Trim, room=st.sampled_from(range(len(ROOMS))), share=st.integers(0, 100)),
        st.just(Restart()),
    ),
    max_size=12,
)


@dataclass
class Model:
    """What must be in the log, as a list; and what may be gone from it."""

    appended: list[tuple[Position, str, bytes]] = field(default_factory=list)
    trimmed: dict[str, Position] = field(default_factory=dict)
    epoch: Position = Position.ZERO
    floor: Position = Position.ZERO

    def after(self, rooms: Sequence[str], position: Position, until: Position) -> list[tuple[Position, str, bytes]]:
        """Entries of the rooms in (position, until]."""
        return sorted(item for item in self.appended if item[1] in rooms and position < item[0] <= until)

    def is_whole(self, rooms: Sequence[str], position: Position) -> bool:
        """Whether the log still has all of it."""
        return position >= self.epoch and all(position >= self.trimmed.get(room, Position.ZERO) for room in rooms)


class World:
    """A log below a prefix of its own, with its model."""

    def __init__(self, url: str) -> None:
        self.link = Link(url, Keys(next(_prefixes)))
        self.client = self.link.client()
        self.reader = Reader(self.link, self.client)
        self._until = Position.ZERO
        self.history = History(self.reader, lambda: self._until, most_bytes=1 << 20, kept_s=60)
        self.rooms = Rooms(self.link, self.client)
        self.appender = FaultyAppender(self.link, room_cap=100_000, log_length=100_000)
        self.model = Model()
        self._numbers = itertools.count()
        self._read_at: tuple[Position, Position, Read] | None = None

    async def play(self, steps: Sequence[Step]) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.appender.run())
            self.model.epoch = await open_epoch(self.client, self.link)
            for step in steps:
                await self._step(step)
                await self.check()
            running.cancel()
        await self.link.aclose()

    async def _step(self, step: Step) -> None:
        match step:
            case Append():
                await asyncio.gather(self._append(step), self._read_meanwhile())
            case Trim():
                await self._trim(ROOMS[step.room], step.share)
            case Restart():
                await self.client.hset(self.link.keys.epoch, "run_id", "another")
                self.model.epoch = await open_epoch(self.client, self.link)
                self.history.clear()  # as the tail has it

    async def _append(self, step: Append) -> None:
        self.appender.fault = step.fault
        entries = [NewEntry(ROOMS[room], "e", str(next(self._numbers)).encode()) for room in step.rooms * step.times]
        newest = max((item[0] for item in self.model.appended), default=self.model.epoch)
        answers = await asyncio.gather(*(self.appender.append(entry) for entry in entries))
        positions = [answer.position for answer in answers]
        assert positions == sorted(set(positions)), "not in the order of the calls"
        assert positions[0] > newest, "a position went back"
        self._note(entries, answers)
        if step.once is not None:
            await self._append_once(step.once)

    def _note(self, entries: Sequence[NewEntry], answers: Sequence[Appended]) -> None:
        for entry, answer in zip(entries, answers, strict=True):
            self.model.appended.append((answer.position, entry.room, entry.data))

    async def _append_once(self, number: int) -> None:
        entry = NewEntry(ROOMS[0], "e", b"once %d" % number, once=Once("test", str(number)))
        answer = await self.appender.append(entry)
        known = [item[0] for item in self.model.appended if item[2] == entry.data]
        assert answer.repeated == bool(known)
        if known:
            assert answer.position == known[0]
        else:
            self._note([entry], [answer])

    async def _trim(self, room: str, share: int) -> None:
        kept = list(await self.client.xrange(self.link.keys.room(room)))
        count = len(kept) * share // 100
        if not count:
            return
        last = Position.parse(kept[count - 1][0])
        assert await self.rooms.trim(room, Position(last.ms, last.seq + 1)) == count
        self.model.trimmed[room] = last
        if count == len(kept):
            self.model.floor = max(self.model.floor, last)

    async def _read_meanwhile(self) -> None:
        """What is read while entries are appended is all there was up to that position: later ones lie above it."""
        start = max((item[0] for item in self.model.appended), default=self.model.epoch)
        if not self.model.is_whole(ROOMS, start):
            return
        until = await self.reader.position()
        read = await self._read(self.reader, ROOMS, start, until)
        self._read_at = (start, until, read)

    async def check(self) -> None:
        """Resume from every position that a client can stand at, in one room and in all."""
        if self._read_at is not None:
            start, until, read = self._read_at
            assert read in (None, self.model.after(ROOMS, start, until))
            assert read is not None or start < self.model.floor
            self._read_at = None
        until = await self.reader.position()
        seen = [Position.ZERO, self.model.epoch, until, *(item[0] for item in self.model.appended)]
        for position in seen[:4] + seen[4 :: max(len(seen) // 8, 1)]:
            for rooms in (ROOMS, ROOMS[:1]):
                await self._check_resume(rooms, position, until)

    async def _check_resume(self, rooms: Sequence[str], position: Position, until: Position) -> None:
        read = await self._read(self.reader, rooms, position, until)
        if read is None:
            event("gap")
            assert not self.model.is_whole(rooms, position) or position < self.model.floor
        else:
            event("whole")
            assert self.model.is_whole(rooms, position)
            assert read == self.model.after(rooms, position, until)
        recent = await self._read(self.history, rooms, position, until)
        assert recent in (None, self.model.after(rooms, position, until))
        assert read is None or recent is not None, "what was kept knows less than the log"

    async def _read(self, log: Reader | History, rooms: Sequence[str], start: Position, until: Position) -> Read:
        """Page by page, as join, resume and catch-up do; None when the log cannot vouch for it."""
        at, found = start, list[Entry]()
        while at < until:
            starts = dict.fromkeys(rooms, at)
            page = await (log.page(starts, until, limit=1) if isinstance(log, Reader) else log.page(starts, until))
            if isinstance(page, Gap):
                return None
            assert page.upto > at
            found += page.entries
            at = page.upto
        return [(entry.position, entry.room, entry.data) for entry in found]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_steps)
def test_a_reader_gets_everything_after_its_position_or_a_gap(valkey: ValkeyServer, steps: list[Step]) -> None:
    asyncio.run(World(valkey.url).play(steps))
