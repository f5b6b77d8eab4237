"""Tasks: work that goes on when its caller has left, that every node can list, and that every node can stop.

A task belongs to the node that created it, which keeps its lease (registry/tasks.py). A stop is an order in the log and
a note on the task's record, so an owner that was away obeys it when it is back, by whichever it sees first.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from registry.tasks import Remains, TaskRecord
from registry.tasks import Tasks as Records
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.tasks")

CLOSING_S = 5.0
"""How long a node that stops waits for its tasks to end."""

STOPS = 100
STOP_ROUNDS = 10
"""Of an item's tasks so many are stopped at the same time, and so many times over."""

Outcome = Literal["stopped", "over", "unreachable"]
"""stopped: it ran, and ended because of this. over: it had ended, or did by itself. unreachable: its owner's lease ran
out, or the owner did not answer in time; one that is only slow obeys later."""


class Unclosed(Exception):
    """A task could not close in the log what it began. The workers do, at once."""


@dataclass(slots=True)
class _Running:
    record: TaskRecord
    work: asyncio.Task[None]
    stopped: bool = False
    interrupted: bool = False
    seen_through: asyncio.Task[None] | None = None


class Tasks:
    """The tasks of this node, and stops of any node's.

    order: appends the order to stop a task; returns when the log has it. tell: is told of each task when it is
    registered, and when its record is gone. spawn: runs a coroutine in the node's tasks.
    """

    def __init__(
        self,
        node: str,
        records: Records,
        lease_s: float,
        wait_s: float,
        order: Callable[[str], Awaitable[Any]],
        tell: Callable[[TaskRecord], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._node = node
        self._records = records
        self._lease_s = lease_s
        self._wait_s = wait_s
        self._order = order
        self._tell = tell
        self._spawn = spawn
        self._running: dict[str, _Running] = {}
        self._closing = False

    def __len__(self) -> int:
        return len(self._running)

    async def create_task(
        self, work: Coroutine[Any, Any, None], item_id: str, *, user_id: str = "", remains: Remains | None = None
    ) -> str:
        """Run the coroutine as a task of an item; returns the task's id once every node can see and stop it.

        A stop cancels the coroutine. user_id: who may stop it, besides admins. remains: what a worker has to close
        when this process dies. Raises LogUnavailable; the coroutine is closed then and nothing runs.
        """
        record = TaskRecord(str(uuid.uuid4()), item_id, self._node, user_id, int(time.time()), remains)
        try:
            await self._records.register(record)
            if self._closing:
                raise LogUnavailable("this process is closing")
        except BaseException:
            work.close()
            raise
        running = _Running(record, asyncio.create_task(work, name=f"task {record.id}"))
        self._running[record.id] = running
        running.seen_through = self._spawn(self._see_through(running))
        return record.id

    async def stop_task(self, task_id: str) -> Outcome:
        """Stop a task, on whichever node it runs. Returns when it has really ended, or how it did not.

        Takes at most `task_stop_wait_s`. Raises LogUnavailable: then it is not known.
        """
        if not await self._records.ask_to_stop(task_id):
            return "over"
        await self._order(task_id)
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._end_of(task_id)
        except TimeoutError:
            return "unreachable"

    async def _end_of(self, task_id: str) -> Outcome:
        pause_s = 0.005
        while True:
            record = await self._records.get(task_id)
            if record is None:
                return "unreachable"
            if record.ended:
                return "stopped" if record.ended == "stopped" else "over"
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 0.1)

    async def stop_tasks_of_item(self, item_id: str) -> dict[str, Outcome]:
        """Stop the item's tasks, on whichever nodes, `STOPS` at once; returns how each ended, as `stop_task` does.

        Ends early when an owner does not answer: it obeys later. Some are left where very many run.
        """
        outcomes: dict[str, Outcome] = {}
        for _ in range(STOP_ROUNDS):
            running = [one for one in await self.list_task_ids_by_item_id(item_id) if one not in outcomes][:STOPS]
            ended = await asyncio.gather(*map(self.stop_task, running))
            outcomes |= dict(zip(running, ended, strict=True))
            if not running or "unreachable" in ended:
                break
        return outcomes

    async def list_tasks(self) -> list[str]:
        """Ids of all tasks of all nodes."""
        return await self._records.running()

    async def list_task_ids_by_item_id(self, item_id: str) -> list[str]:
        """Ids of the item's tasks, on all nodes."""
        return await self._records.running(item_id)

    async def list_tasks_of(self, user_id: str) -> list[str]:
        """Ids of the user's tasks, on all nodes."""
        return await self._records.running_of(user_id)

    async def find(self, task_id: str) -> TaskRecord | None:
        """A running task, on whichever node; None when it is over."""
        record = await self._records.get(task_id)
        return record if record is not None and not record.ended else None

    def obey(self, task_id: str) -> None:
        """Carry out the order to stop a task, if it is one of this node's. In this turn of the loop."""
        running = self._running.get(task_id)
        if running is not None and not running.stopped and not running.interrupted:
            running.stopped = True
            running.work.cancel()

    def is_interrupted(self) -> bool:
        """For a task that is being cancelled: whether its node is the reason, and not somebody who stopped it."""
        current = asyncio.current_task()
        return any(running.interrupted for running in self._running.values() if running.work is current)

    def _interrupt(self, running: _Running) -> None:
        if not running.stopped and not running.interrupted:
            running.interrupted = True
            running.work.cancel()

    async def run(self) -> None:
        """Keep the leases of this node's tasks until cancelled."""
        pause_s = self._lease_s / 3
        while True:
            await asyncio.sleep(pause_s)
            pause_s = self._lease_s / 3
            try:
                for running in list(self._running.values()):
                    await self._hold(running)
            except LogUnavailable as fault:
                log.warning("leases of tasks were not renewed: %s", fault)
                pause_s = min(pause_s, 0.5)

    async def _hold(self, running: _Running) -> None:
        asked = await self._records.hold(running.record)
        if asked:
            self.obey(running.record.id)
        elif asked is None and not running.work.done():
            log.error("task %(task)s lost its lease: this node was away for too long", {"task": running.record.id})
            self._interrupt(running)

    async def _see_through(self, running: _Running) -> None:
        """Wait for the work's end, and record it."""
        try:
            await self._tell(running.record)
            await asyncio.wait({running.work})
        finally:
            running.work.cancel()
            del self._running[running.record.id]
        how, closed = _ending(running)
        try:
            await self._records.end(running.record, how, closed=closed)
        except LogUnavailable as fault:
            log.warning("the end of task %s is not recorded; its lease runs out: %s", running.record.id, fault)
            return
        await self._tell(running.record)

    async def aclose(self) -> None:
        """Cancel this node's tasks and wait for them, briefly. May be called twice."""
        self._closing = True
        for running in list(self._running.values()):
            self._interrupt(running)
        seen_through = [running.seen_through for running in self._running.values() if running.seen_through]
        if seen_through:
            await asyncio.wait(seen_through, timeout=CLOSING_S)


def _ending(running: _Running) -> tuple[str, bool]:
    """How the work ended, in a word, and whether it closed what it began."""
    if running.work.cancelled():
        return "stopped", True
    fault = running.work.exception()
    if fault is None:
        return ("stopped" if running.stopped else "done"), True
    if isinstance(fault, Unclosed):
        log.warning("task %s: %s", running.record.id, fault)
    else:
        log.error("task %(task)s failed", {"task": running.record.id}, exc_info=fault)
    return ("stopped" if running.stopped else "failed"), False
