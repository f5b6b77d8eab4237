"""Telling a chat's pages whether a task of it runs, on whichever node."""

from __future__ import annotations

import logging

from app.emitter import Emitter
from archive.envelope import active_entry
from registry.tasks import TaskRecord
from registry.tasks import Tasks as Records
from streams.errors import LogError

log = logging.getLogger("roomlog.tasks")


class ActiveChats:
    """Counts as running in a chat: tasks that write a message of it."""

    def __init__(self, records: Records, emitter: Emitter) -> None:
        self._records = records
        self._emitter = emitter

    async def tell(self, task: TaskRecord) -> None:
        """A task began or ended: tell how it stands with its chat. A fault is logged; `GET /api/tasks/chat/{id}` is
        what pages ask when they come back."""
        left = task.remains
        if left is None:
            return

        async def emit(active: bool) -> None:
            await self._emitter.append(active_entry(left.user_id, left.chat_id, left.message_id, active))

        try:
            await self._records.tell_active(left.item, emit)
        except LogError as fault:
            log.warning("chat %s is not told whether a task of it runs: %s", left.chat_id, fault)
