"""The parts of a node that serve its clients, put together. Nothing of it runs by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from app import __version__, metrics
from app.active_chats import ActiveChats
from app.admission import Admissions
from app.allowance import Allowance
from app.asked import Asked
from app.auth import Tokens
from app.calls import ANSWERED, ASK, Calls
from app.channel_socket import ChannelSocket
from app.chat_socket import ChatSocket
from app.chat_writes import ChatWrites
from app.completions.providers import Providers
from app.completions.recap import Recap
from app.completions.service import Completions
from app.direct import Direct
from app.direct_lines import DirectLines
from app.documents.access import DocumentAccess
from app.documents.desks import Desks
from app.documents.joins import Joins
from app.documents.limits import limits_of
from app.documents.news import DocumentNews
from app.documents.refusing import Refusing
from app.documents.renderings import Renderings
from app.documents.repair import Repair
from app.documents.snapshots import Snapshots
from app.documents.socket import DocumentSocket
from app.documents.updates import Updates
from app.emitter import Emitter
from app.events import Events
from app.folded import FoldedWaiter
from app.gate import Gate
from app.hub import Hub, Kept
from app.manager import Manager
from app.memberships import Memberships
from app.messages import Messages
from app.note_writes import NoteWrites
from app.orders import Orders
from app.producer import Producer
from app.profiles import Profiles
from app.roles import Roles
from app.server import Server
from app.session import Session
from app.session_rooms import SessionRooms
from app.sessions import Limits, NodeSessions
from app.settings import Settings
from app.sharing import Sharing
from app.stores import Stores
from app.tasks import Tasks
from archive.store import Archive
from oversight.desk import Desk
from registry.calls import CallRecords
from registry.directs import Directs
from registry.roles import Roles as KnownRoles
from registry.standing import Standings
from registry.tasks import HOLD
from streams.bus import Bus, Signal
from streams.ending import end
from streams.keys import CONTROL_ROOM
from streams.link import Link

if TYPE_CHECKING:
    from telemetry.tracing import Tracing


class Parts(Stores):
    """secret: what signs the tokens; the others as `Stores` has them."""

    def __init__(self, settings: Settings, link: Link, archive: Archive, secret: str, tracing: Tracing | None) -> None:
        super().__init__(settings, link, archive, tracing)
        self._tasks: asyncio.TaskGroup | None = None
        self._spawned: set[asyncio.Task[None]] = set()
        keys, client = link.keys, self.client

        self.orders = Orders(self.appender, self.reader, self.nodes, self.moves, self.disconnect, self.spawn)
        self.orders.forget = lambda room: self.owners.forget(room.partition(":")[2])
        kept = Kept(settings.history_bytes, settings.history_s)
        self.hub = Hub(self.reader, CONTROL_ROOM, self.orders.obey, kept)
        limits = Limits(settings.marks, settings.ydoc_binary)
        self.sessions = self.orders.sessions = NodeSessions(
            self.name, self.hub, self.records, self.members, self.attendance, limits, self.spawn
        )
        self.session_rooms = self.orders.rooms = SessionRooms(
            self.sessions,
            self.records,
            self.members,
            self.attendance,
            self.reader,
            self.access,
            settings.session_rooms,
        )
        self.bus = Bus(link, client, self._signalled, metrics.SIGNALS_SKIPPED.inc)
        self.emitter = Emitter(self.appender, self.bus)

        self.roles = Roles(KnownRoles(keys, client), archive, self.orders)
        admissions = Admissions(
            self.sessions, self.session_rooms, self.records, self.moves, self.attendance, self.reader, self.access
        )
        self.tokens = Tokens(secret)
        self.profiles = Profiles(settings.webui_url)
        self.gate = Gate(
            self.tokens,
            Standings(keys, client),
            self.profiles,
            self.roles,
            self.users,
            self.sessions,
            self.session_rooms,
            admissions,
        )

        self.tasks = self.orders.tasks = Tasks(
            self.name,
            self.leases,
            settings.task_lease_s * HOLD,
            settings.task_stop_wait_s,
            self.orders.stop_task,
            ActiveChats(self.leases, self.emitter).tell,
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
        self.providers = Providers(settings, self.direct)
        self.completions = Completions(settings, self.emitter, self.tasks, Recap(self.chats, self.spawn))

        self.sharing = Sharing(self.grants, self.reader, self.emitter, self.orders)
        self.chat_writes = ChatWrites(self.chats, self.owners, self.emitter, self.sharing, self.orders, self.tasks)
        self.note_writes = NoteWrites(self.notes, self.emitter, self.sharing, self.orders, self.contents)
        self.memberships = Memberships(self.channels, self.emitter, self.orders)
        self.messages = Messages(self.channels, self.emitter, self.reader)
        self.documents = self._documents()

        manager = Manager()
        manager.wire(self.sessions, self.emitter, self.bus, self.orders, self.asked)
        self.server = Server(settings, manager, self.gate, self.sessions)
        self._events().register(self.server)
        self.folded = FoldedWaiter(self.rooms)
        self.sign_ins = Allowance(settings.demo_sign_ins_per_min)
        self.desk = Desk(link, client, archive, settings.worker_lag_s, __version__)

    def _documents(self) -> DocumentSocket:
        limits = limits_of(self.settings)
        desks, repair = Desks(limits), Repair()
        access = DocumentAccess(self.access, self.reader)
        snapshots = Snapshots(self.archive, self.reader, self.document_log)
        updates = Updates(limits, access, snapshots, self.emitter)
        joins = Joins(
            limits,
            self.session_rooms,
            access,
            snapshots,
            self.contents,
            self.presence,
            self.bus,
            repair,
            self.settings.ydoc_binary,
        )
        self.document_news = DocumentNews(desks, self.sessions, self.session_rooms, repair, self.spawn)
        self.hub.on_reset = self.document_news.restored
        self.orders.taken_out = self.document_news.taken_out
        return DocumentSocket(
            limits,
            desks,
            self.sessions,
            self.session_rooms,
            joins,
            updates,
            Renderings(limits, desks, access, updates, snapshots, self.contents, self.spawn),
            Refusing(desks, joins, snapshots, repair, self.document_news, self.spawn),
            self.bus,
            self.spawn,
        )

    def _events(self) -> Events:
        on_channels = ChannelSocket(self.channels, self.memberships, self.session_rooms, self.bus)
        on_chats = ChatSocket(self.session_rooms, self.access, self.chat_writes, self.bus)
        lines = DirectLines(self.appender)
        return Events(
            self.gate,
            self.sessions,
            self.session_rooms,
            self.users,
            self.usage,
            on_channels,
            on_chats,
            lines,
            self.documents,
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run work in the node's task group; a fault in it stops the node visibly."""
        assert self._tasks is not None
        task = self._tasks.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
        return task

    async def end_spawned(self, wait_s: float) -> None:
        """Wait for what was spawned, so long at most; what waits for a server that is away is cancelled then."""
        if self._spawned:
            await asyncio.wait(self._spawned, timeout=wait_s)
        await end(self._spawned)

    def disconnect(self, session: Session) -> None:
        """End a session of this node for good."""
        self.server.disconnect_now(session)
        self.spawn(self.server.finish(session))

    def _signalled(self, signal: Signal) -> None:
        """An ephemeral event, or a word between nodes, came over the bus."""
        if signal.room == ASK:
            self.asked.ask(signal)
        elif signal.room == ANSWERED:
            self.calls.answered(signal)
        else:
            self.sessions.signal(signal)
