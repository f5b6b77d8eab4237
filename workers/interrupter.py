"""The interrupter: closes the messages that dead processes left in the middle of a run.

Exactly once: the closing entry ends the run's fence, so a second one is refused, as is a token of the dead run that
arrives late. One worker at a time does it, by a lease, to spare the others the looking.
"""

from __future__ import annotations

import asyncio
import logging

from archive.envelope import active_entry, message_entry
from registry.lease import Lease, LeaseLost
from registry.tasks import Remains, Tasks
from streams.append import Appender, Fence, Step
from streams.errors import Fenced, LogUnavailable, RoomFull
from streams.link import Link
from workers.config import WorkerConfig
from workers.tally import paused

log = logging.getLogger("roomlog.interrupter")


class Interrupter:
    """Its appends are its own: `run` must be running for `interrupt_once` to work."""

    def __init__(self, link: Link, tasks: Tasks, lease: Lease, config: WorkerConfig, stop: asyncio.Event) -> None:
        self._tasks = tasks
        self._lease = lease
        self._config = config
        self._stop = stop
        self._appender = Appender(link, room_cap=config.room_cap, log_length=config.log_length)

    async def run(self) -> None:
        """Look for expired leases until stopped, whenever no other worker does."""
        async with asyncio.TaskGroup() as group:
            appending = group.create_task(self._appender.run(), name="append")
            while not self._stop.is_set():
                try:
                    await self._lease.run(self.interrupt_once)
                except (LogUnavailable, LeaseLost) as fault:
                    log.warning("what dead processes left is looked at again: %s", fault)
                await paused(self._stop, self._config.interrupt_every_s)
            await self._appender.drain()
            appending.cancel()

    async def interrupt_once(self) -> None:
        """Close what the tasks with an expired lease left. Raises LogUnavailable; what was closed stays closed."""
        expired = await self._tasks.expired()
        for task_id, remains in (await self._tasks.remains_of(expired)).items():
            if remains is None or (await self._close(task_id, remains) and await self._tell(remains)):
                await self._tasks.bury(task_id)

    async def _close(self, task_id: str, left: Remains) -> bool:
        """Append the end of a run. False when there is no place for it now: the next look tries again."""
        fence = Fence(left.fence, left.run, Step.END)
        told = {"interrupted": True}
        entry = message_entry(left.user_id, left.chat_id, left.message_id, "chat:tasks:cancel", told, fence=fence)
        try:
            appended = await self._appender.append(entry)
        except Fenced:
            log.info("task %s left its message closed, or to a newer run", task_id)
        except RoomFull as fault:
            log.warning("message %s is not closed yet: %s", left.message_id, fault)
            return False
        else:
            log.warning("task %s died: message %s is interrupted at %s", task_id, left.message_id, appended.position)
        return True

    async def _tell(self, left: Remains) -> bool:
        """Tell the chat's pages whether another task of it runs. False when there is no place for it now."""

        async def tell(active: bool) -> None:
            await self._appender.append(active_entry(left.user_id, left.chat_id, left.message_id, active))

        try:
            await self._tasks.tell_active(left.item, tell)
        except RoomFull as fault:
            log.warning("chat %s is told the next time what runs in it: %s", left.chat_id, fault)
            return False
        return True
