"""A node: everything that one `uvicorn app.main:app` process is made of, put together, and its tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from app import __version__, metrics
from app.access import Access
from app.active_chats import ActiveChats
from app.admission import Admissions
from app.asked import Asked
from app.auth import Tokens
from app.calls import ANSWERED, ASK, Calls
from app.channel_socket import ChannelSocket
from app.channels import Channels
from app.chat_socket import ChatSocket
from app.chat_writes import ChatWrites
from app.chats import Chats
from app.completions.providers import Providers
from app.completions.service import Completions
from app.direct import Direct
from app.direct_lines import DirectLines
from app.documents.access import DocumentAccess
from app.documents.contents import Contents
from app.documents.joins import Joins
from app.documents.limits import limits_of
from app.documents.repair import Repair
from app.documents.snapshots import Snapshots
from app.documents.socket import DocumentSocket
from app.documents.updates import Updates
from app.drain import Drain
from app.emitter import Emitter
from app.events import Events
from app.feed import Feed
from app.folded import FoldedWaiter
from app.gate import Gate
from app.grants import Grants
from app.health import Health
from app.hub import Hub, Kept
from app.manager import Manager
from app.memberships import Memberships
from app.messages import Messages
from app.note_writes import NoteWrites
from app.notes import Notes
from app.orders import Orders
from app.presence import Attendance
from app.producer import Producer
from app.roles import Roles
from app.selfreport import SelfReport
from app.server import Server
from app.session import Session
from app.sessions import Limits, NodeSessions
from app.settings import Settings
from app.shared_chats import SharedChats
from app.sharing import Sharing
from app.tasks import Tasks
from app.traced import TracedAppender
from app.users import Users
from app.vitals import Vitals
from archive.store import Archive
from oversight.desk import Desk
from registry.activity import Activity
from registry.calls import CallRecords
from registry.directs import Directs
from registry.members import Members
from registry.moves import Moves
from registry.nodes import Nodes
from registry.owners import Owners
from registry.pool import Pool
from registry.present import Presence
from registry.revocation import Revocations
from registry.roles import Roles as KnownRoles
from registry.sessions import Sessions as Records
from registry.standing import Standings
from registry.tasks import HOLD
from registry.tasks import Tasks as Leases
from registry.usage import Usage
from streams.append import Appender
from streams.bus import Bus, Signal
from streams.documents import DocumentLog
from streams.ending import end
from streams.entry import Entry, Position
from streams.errors import LogUnavailable
from streams.keys import CONTROL_ROOM
from streams.link import Link
from streams.replay import Gap, Reader
from streams.rooms import Rooms
from streams.tail import Tail

if TYPE_CHECKING:
    from telemetry.tracing import Tracing

log = logging.getLogger("roomlog.node")

REPORT_S = 1.0
"""How often a node reports itself and looks for revoked tokens: half of the two seconds that revocation may take."""


class Node:
    """The parts of a node. Nothing runs before `running()`.

    link: the log's server. archive: the database, opened by the caller. secret: what signs the tokens.
    tracing: None traces nothing.
    """

    def __init__(
        self, settings: Settings, link: Link, archive: Archive, secret: str, tracing: Tracing | None = None
    ) -> None:
        self.settings = settings
        self.tracing = tracing
        self.name = f"node-{secrets.token_hex(4)}"
        self.link = link
        self.archive = archive
        client = link.trunk(connections=32) if settings.redis_shared_link else link.client(connections=32)
        keys = link.keys
        self.reader = Reader(link, client)
        appender = partial(TracedAppender, tracing) if tracing else Appender
        self.appender = appender(
            link,
            room_cap=settings.room_cap,
            log_length=settings.shard_log_length,
            entry_bytes=settings.max_message_bytes,
            fold_due=settings.fold_due,
            pause_s=settings.append_pause_ms / 1000,
        )
        self.nodes = Nodes(keys, client)
        self.rooms = Rooms(link, client)
        self.owners = Owners(keys, client, archive.owner, settings.retention_s)
        self.grants = Grants(archive, self.reader)
        self.notes = Notes(archive, self.reader)
        self.channels = Channels(archive, self.reader)
        self.access = Access(self.owners, self.channels, self.grants, self.notes)
        self.revocations = Revocations(keys, client)
        self.users = Users(archive, Activity(keys, client))
        records = Records(keys, client, settings.session_ttl_s)
        moves = Moves(keys, client, settings.session_ttl_s)
        self.orders = Orders(self.appender, self.reader, self.nodes, moves, self._disconnect, self.spawn)
        self.orders.finished = lambda: self.spawn(self._try_to_report())
        self.orders.forget = lambda room: self.owners.forget(room.partition(":")[2])
        kept = Kept(settings.history_bytes, settings.history_s)
        self.hub = Hub(self.reader, CONTROL_ROOM, self._obey, kept)
        self.tail = self.hub.tail = Tail(
            link, self.hub.wanted, self.hub.deliver, self._fall_behind, self._new_epoch, settings.tail_pause_ms / 1000
        )
        self.pool = Pool(keys, client, settings.presence_ttl_s)
        self.presence = Presence(keys, client, settings.presence_ttl_s)
        self.usage = Usage(keys, client)
        attendance = Attendance(self.pool, self.presence)
        members = Members(keys, client, settings.session_ttl_s)
        limits = Limits(settings.session_rooms, settings.marks, settings.ydoc_binary)
        self.sessions = NodeSessions(
            self.name, self.hub, records, members, attendance, self.reader, self.access, limits, self.spawn
        )
        self.orders.sessions = self.sessions
        self.bus = Bus(link, client, self._signalled, metrics.SIGNALS_SKIPPED.inc)
        self.emitter = Emitter(self.appender, self.bus)
        self.roles = Roles(KnownRoles(keys, client), archive, self.orders)
        admissions = Admissions(self.sessions, records, moves, attendance, self.reader, self.access)
        self.tokens = Tokens(secret)
        self.gate = Gate(self.tokens, Standings(keys, client), self.roles, self.users, self.sessions, admissions)
        hold_s = settings.task_lease_s * HOLD
        leases = self.leases = Leases(keys, client, hold_s)
        self.tasks = self.orders.tasks = Tasks(
            self.name,
            leases,
            hold_s,
            settings.task_stop_wait_s,
            self.orders.stop_task,
            ActiveChats(leases, self.emitter).tell,
            self.spawn,
        )
        calls = CallRecords(keys, client)
        self.asked = Asked(self.sessions, calls, self.spawn)
        self.asked.bus = self.bus
        self.calls = Calls(calls, self.pool, self.bus, settings.patience)
        self.direct = Direct(
            self.calls, Directs(keys, client), self.pool, self.hub, settings.direct_idle_s, settings.direct_away_s
        )
        self.producer = Producer(self.emitter, self.calls, self.orders, self.pool, self.presence)
        manager = Manager()
        manager.wire(self.sessions, self.emitter, self.bus, self.orders, self.asked)
        self.server = Server(settings, manager, self.gate, self.sessions)
        self.chats = Chats(archive, self.reader, self.owners)
        self.shared_chats = SharedChats(archive, self.reader, self.owners)
        self.sharing = Sharing(self.grants, self.reader, self.emitter, self.orders)
        self.chat_writes = ChatWrites(self.chats, self.owners, self.emitter, self.sharing, self.orders, self.tasks)
        self.document_log = DocumentLog(link, client, settings.fold_due)
        self.contents = Contents(archive, self.document_log, self.notes)
        self.note_writes = NoteWrites(self.notes, self.emitter, self.sharing, self.orders, self.contents)
        self.memberships = Memberships(self.channels, self.emitter, self.orders)
        self.messages = Messages(self.channels, self.emitter, self.reader)
        on_channels = ChannelSocket(self.channels, self.memberships, self.sessions, self.bus)
        on_chats = ChatSocket(self.sessions, self.access, self.chat_writes, self.bus)
        lines = DirectLines(self.appender)
        self.documents = self._documents(settings)
        self.hub.on_reset = self.documents.restored
        self.orders.taken_out = self.documents.taken_out
        on_events = Events(
            self.gate, self.sessions, self.users, self.usage, on_channels, on_chats, lines, self.documents
        )
        on_events.register(self.server)
        self.providers = Providers(settings, self.direct)
        self.completions = Completions(settings, self.emitter, self.tasks)
        self.folded = FoldedWaiter(self.rooms)
        self.drain = Drain(
            self.server, self.orders.followers, self.tasks, settings.drain_seconds, self._try_to_report, self.spawn
        )
        self.health = Health(self, client)
        self.vitals = Vitals(self, client)
        self.self_report = SelfReport(self)
        self.desk = Desk(link, client, archive, settings.worker_lag_s, __version__)
        self._tasks: asyncio.TaskGroup | None = None
        self._repairing = asyncio.Lock()
        self._repairs_from: list[Position] = []
        """Where each repair that is under way began: orders behind it may not be obeyed yet."""

    def _documents(self, settings: Settings) -> DocumentSocket:
        limits = limits_of(settings)
        access = DocumentAccess(self.access, self.reader)
        snapshots = Snapshots(self.archive, self.reader, self.document_log)
        repair = Repair()
        updates = Updates(limits, access, snapshots, self.emitter)
        joins = Joins(
            limits,
            self.sessions,
            access,
            snapshots,
            self.contents,
            self.presence,
            self.bus,
            repair,
            settings.ydoc_binary,
        )
        return DocumentSocket(
            limits,
            self.sessions,
            access,
            joins,
            updates,
            snapshots,
            self.contents,
            repair,
            self.bus,
            self.spawn,
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work in the node's task group; a fault in it stops the node visibly."""
        assert self._tasks is not None
        return self._tasks.create_task(work)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The node at work. Raises an exception group when a task of it dies: app/main.py ends the process then."""
        await self.tail.start()
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
            await self.report()
            try:
                yield
            finally:
                await self._stop(loops)

    async def _stop(self, loops: list[asyncio.Task[None]]) -> None:
        await self.drain.aclose()
        await self.tasks.aclose()
        await self.providers.aclose()
        await self.appender.drain()
        for session in list(self.sessions.by_sid.values()):
            await self.sessions.gone(session, for_good=False)
        await end(loops)
        with contextlib.suppress(LogUnavailable):  # behind the last report
            await self.nodes.leave(self.name)

    def _signalled(self, signal: Signal) -> None:
        """An ephemeral event, or a word between nodes, came over the bus."""
        if signal.room == ASK:
            self.asked.ask(signal)
        elif signal.room == ANSWERED:
            self.calls.answered(signal)
        else:
            self.sessions.signal(signal)

    def _obey(self, entry: Entry) -> None:
        """Carry out an order, and let whoever gave it know soon that this node is past it."""
        self.orders.obey(entry)
        self.spawn(self._try_to_report())

    def _fall_behind(self, before: Position, now: Position) -> None:
        log.error("the tail fell behind the shard's log at %(position)s, reading rooms instead", {"position": before})
        behind = self.hub.fall_behind(before)
        self._repairs_from.append(before)
        self.spawn(self._repair(before, now, behind))

    async def _repair(self, before: Position, now: Position, behind: list[Feed]) -> None:
        """Carry out the orders that the tail did not see, and only then hand out the entries that it did not see."""
        async with self._repairing:
            await self._obey_missed(before, now)
            self._repairs_from.remove(before)
        await self._try_to_report()
        for feed in behind:
            feed.on_behind()

    async def _obey_missed(self, before: Position, now: Position) -> None:
        while before < now:
            try:
                page = await self.reader.page({CONTROL_ROOM: before}, now, vouch=False)
            except LogUnavailable as fault:
                log.warning("orders since %s cannot be read yet: %s", before, fault)
                continue
            if isinstance(page, Gap):
                log.error("orders since %s are gone; sessions are cut off to be authorised anew", before)
                for session in list(self.sessions.by_sid.values()):
                    self.sessions.cut_off(session)
                return
            for entry in page.entries:
                self._obey(entry)
            before = page.upto

    def _new_epoch(self, position: Position) -> None:
        said = {"position": position}
        log.warning("the log's server restarted or was replaced: new epoch at %(position)s, clients reload", said)
        metrics.EPOCHS.inc()
        self.hub.history.clear()
        self.sessions.reset_all(position)
        self.documents.log_began_anew()

    def _disconnect(self, session: Session) -> None:
        self.server.disconnect_now(session)
        self.spawn(self.server.finish(session))

    async def report(self) -> None:
        """Report this node to the others. Raises LogUnavailable."""
        obeyed = min([self.hub.position, *self._repairs_from, *self.orders.unfinished])
        await self.nodes.report(self.name, obeyed, self.self_report.facts())
        self.reported_at = time.monotonic()

    async def _try_to_report(self) -> None:
        try:
            await self.report()
        except LogUnavailable as fault:
            log.warning("this node could not report itself: %s", fault)

    async def _report_forever(self) -> None:
        while True:
            await self._try_to_report()
            self._cut_off_expired(time.time())
            try:
                await self._disconnect_revoked()
            except LogUnavailable as fault:
                log.warning("revoked tokens were not looked for: %s", fault)
            await asyncio.sleep(REPORT_S)

    @property
    def tail_age_s(self) -> float:
        """Seconds since the tail last heard from the log; about 1 is normal on a quiet one."""
        return asyncio.get_running_loop().time() - self.tail.read_at

    def _cut_off_expired(self, now: float) -> None:
        """Nobody stays in longer than its token is good. Who has a newer one comes back with it, and resumes."""
        self.orders.followers.close_expired(now)
        for session in list(self.sessions.by_sid.values()):
            if session.identity.has_expired(now) and not session.feed.closed:
                log.info("session %(session)s is cut off: its token has expired", {"session": session.sid})
                self.sessions.cut_off(session)

    async def _disconnect_revoked(self) -> None:
        claims = {session.identity.claim for session in self.sessions.by_sid.values()} | self.orders.followers.claims
        revoked = await self.revocations.revoked(list(claims))
        if revoked:
            self.orders.followers.close_revoked(revoked)
            for session in list(self.sessions.by_sid.values()):
                if session.identity.claim in revoked:
                    log.info("session %(session)s is disconnected: its token was revoked", {"session": session.sid})
                    self._disconnect(session)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(min(self.settings.presence_ttl_s, self.settings.session_ttl_s) / 3)
            try:
                await self.sessions.refresh()
            except LogUnavailable as fault:
                log.warning("session records were not refreshed: %s", fault)
