"""A node at work: everything that one `uvicorn app.main:app` process does, and what it tells of itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.abreast import abreast
from app.drain import Drain
from app.health import Health
from app.parts import Parts
from app.selfreport import SelfReport
from app.settings import Settings
from app.tail_repair import TailRepair
from app.token_watch import TokenWatch
from app.vitals import Vitals
from archive.store import Archive
from streams.ending import end
from streams.errors import LogUnavailable
from streams.link import Link
from streams.tail import Tail

if TYPE_CHECKING:
    from telemetry.tracing import Tracing

log = logging.getLogger("roomlog.node")

REPORT_S = 1.0
"""How often a node reports itself and looks for revoked tokens: half of the two seconds that revocation may take."""

CLOSING_S = 5.0
"""What a node that stops waits for what concerns its sessions: as long as one call waits for a log that is away."""


class Node(Parts):
    """Its parts, and what keeps them going. Nothing runs before `running()`.

    link: the log's server. archive: the database, opened by the caller. secret: what signs the tokens.
    tracing: None traces nothing.
    """

    def __init__(
        self, settings: Settings, link: Link, archive: Archive, secret: str, tracing: Tracing | None = None
    ) -> None:
        super().__init__(settings, link, archive, secret, tracing)
        self.self_report = SelfReport(self)
        report = self.self_report.try_to_send
        self.orders.finished = lambda: self.spawn(report())
        self.repair = TailRepair(
            self.hub, self.reader, self.orders, self.sessions, self.document_news, report, self.spawn
        )
        self.tail = self.hub.tail = Tail(
            link,
            self.hub.wanted,
            self.hub.deliver,
            self.repair.fall_behind,
            self.repair.new_epoch,
            settings.tail_pause_ms / 1000,
        )
        self.token_watch = TokenWatch(self.sessions, self.orders.followers, self.revocations, self.disconnect)
        self.drain = Drain(self.server, self.orders.followers, self.tasks, settings.drain_seconds, report, self.spawn)
        self.health = Health(self, self.client)
        self.vitals = Vitals(self, self.client)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The node at work. Raises LogUnavailable when it cannot begin; an exception group when a task of it dies:
        app/main.py ends the process then."""
        await self.tail.start()
        await self.self_report.send()  # before anything runs: who cannot say that it is there does not start
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            loops = [
                tasks.create_task(work, name=name)
                for name, work in (
                    ("append", self.appender.run()),
                    ("tail", self.tail.run()),
                    ("bus", self.bus.run()),
                    ("report", self._report_forever()),
                    ("refresh", self._refresh_forever()),
                    ("folded", self.folded.run()),
                    ("tasks", self.tasks.run()),
                    ("users", self.users.run()),
                    ("sampler", self.desk.sampler.run()),
                )
            ]
            try:
                yield
            finally:
                await self._stop(loops)

    async def _stop(self, loops: list[asyncio.Task[None]]) -> None:
        await self.drain.aclose()
        await self.health.aclose()
        await self.tasks.aclose()
        await self.providers.aclose()
        await self.profiles.aclose()
        await self.appender.drain()
        await self._let_go()
        await end(loops)
        with contextlib.suppress(LogUnavailable):  # behind the last report
            await self.nodes.leave(self.name)
        await self.end_spawned(CLOSING_S)

    async def _let_go(self) -> None:
        """Note the sessions that are still here as away; while the log is away that waits for nobody."""
        sessions = list(self.sessions.by_sid.values())
        try:
            async with asyncio.timeout(CLOSING_S):
                await abreast(self.sessions.gone(session, for_good=False) for session in sessions)
        except TimeoutError:
            log.warning("the records of %d sessions are not updated; they expire by themselves", len(sessions))

    @property
    def tail_age_s(self) -> float:
        """Seconds since the tail last heard from the log; about 1 is normal on a quiet one."""
        return asyncio.get_running_loop().time() - self.tail.read_at

    async def _report_forever(self) -> None:
        while True:
            await self.self_report.try_to_send()
            await self.token_watch.look()
            await asyncio.sleep(REPORT_S)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(min(self.settings.presence_ttl_s, self.settings.session_ttl_s) / 3)
            try:
                await self.sessions.refresh()
            except LogUnavailable as fault:
                log.warning("session records were not refreshed: %s", fault)
