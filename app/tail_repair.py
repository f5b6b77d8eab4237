"""What a node does when its tail lost the thread: it fell behind the shard's log, or the log began anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from app import metrics
from app.documents.news import DocumentNews
from app.feed import Feed
from app.hub import Hub
from app.orders import Orders
from app.sessions import NodeSessions
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.keys import CONTROL_ROOM
from streams.replay import Gap, Reader

log = logging.getLogger("roomlog.node")


class TailRepair:
    """report: lets the other nodes know how far this one has obeyed. spawn: runs a coroutine in the node's tasks."""

    def __init__(
        self,
        hub: Hub,
        reader: Reader,
        orders: Orders,
        sessions: NodeSessions,
        documents: DocumentNews,
        report: Callable[[], Awaitable[None]],
        spawn: Callable[[Any], Any],
    ) -> None:
        self._hub = hub
        self._reader = reader
        self._orders = orders
        self._sessions = sessions
        self._documents = documents
        self._report = report
        self._spawn = spawn
        self._repairing = asyncio.Lock()
        self.begun_at: list[Position] = []
        """Where each repair that is under way began: orders behind it may not be obeyed yet."""

    def fall_behind(self, before: Position, now: Position) -> None:
        """The tail did not see what lies between the two: the rooms' own streams are read instead."""
        log.error("the tail fell behind the shard's log at %(position)s, reading rooms instead", {"position": before})
        behind = self._hub.fall_behind(before)
        self.begun_at.append(before)
        self._spawn(self._repair(before, now, behind))

    async def _repair(self, before: Position, now: Position, behind: list[Feed]) -> None:
        """Carry out the orders that the tail did not see, and only then hand out the entries that it did not see."""
        async with self._repairing:
            await self._obey_missed(before, now)
            self.begun_at.remove(before)
        await self._report()
        for feed in behind:
            feed.on_behind()

    async def _obey_missed(self, before: Position, now: Position) -> None:
        while before < now:
            try:
                page = await self._reader.page({CONTROL_ROOM: before}, now, vouch=False)
            except LogUnavailable as fault:
                log.warning("orders since %s cannot be read yet: %s", before, fault)
                continue
            if isinstance(page, Gap):
                log.error("orders since %s are gone; sessions are cut off to be authorised anew", before)
                for session in list(self._sessions.by_sid.values()):
                    self._sessions.cut_off(session)
                return
            for entry in page.entries:
                self._orders.obey(entry)
            before = page.upto

    def new_epoch(self, position: Position) -> None:
        """The log lost what may not have been delivered: everybody reloads."""
        said = {"position": position}
        log.warning("the log's server restarted or was replaced: new epoch at %(position)s, clients reload", said)
        metrics.EPOCHS.inc()
        self._hub.history.clear()
        self._sessions.reset_all(position)
        self._documents.log_began_anew()
