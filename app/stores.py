"""What a node reads and writes with: the log, the registry, the archive, and what it knows through them."""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING

from app.access import Access
from app.channels import Channels
from app.chats import Chats
from app.documents.contents import Contents
from app.grants import Grants
from app.notes import Notes
from app.presence import Attendance
from app.settings import Settings
from app.shared_chats import SharedChats
from app.traced import TracedAppender
from app.users import Users
from archive.store import Archive
from registry.activity import Activity
from registry.members import Members
from registry.moves import Moves
from registry.nodes import Nodes
from registry.owners import Owners
from registry.pool import Pool
from registry.present import Presence
from registry.revocation import Revocations
from registry.sessions import Sessions
from registry.tasks import HOLD, Tasks
from registry.usage import Usage
from streams.append import Appender
from streams.documents import DocumentLog
from streams.link import Link
from streams.replay import Reader
from streams.rooms import Rooms

if TYPE_CHECKING:
    from telemetry.tracing import Tracing


class Stores:
    """None of them calls anybody back.

    link: the log's server. archive: the database, opened by the caller. tracing: None traces nothing.
    """

    def __init__(self, settings: Settings, link: Link, archive: Archive, tracing: Tracing | None) -> None:
        self.settings = settings
        self.tracing = tracing
        self.name = f"node-{secrets.token_hex(4)}"
        self.link = link
        self.archive = archive
        keys = link.keys
        client = self.client = link.trunk(connections=32) if settings.redis_shared_link else link.client(connections=32)

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
        self.rooms = Rooms(link, client)
        self.document_log = DocumentLog(link, client, settings.fold_due)

        self.nodes = Nodes(keys, client)
        self.records = Sessions(keys, client, settings.session_ttl_s)
        self.moves = Moves(keys, client, settings.session_ttl_s)
        self.members = Members(keys, client, settings.session_ttl_s)
        self.pool = Pool(keys, client, settings.presence_ttl_s)
        self.presence = Presence(keys, client, settings.presence_ttl_s)
        self.attendance = Attendance(self.pool, self.presence)
        self.usage = Usage(keys, client)
        self.revocations = Revocations(keys, client)
        self.leases = Tasks(keys, client, settings.task_lease_s * HOLD)
        self.users = Users(archive, Activity(keys, client))

        self.owners = Owners(keys, client, archive.owner, settings.retention_s)
        self.grants = Grants(archive, self.reader)
        self.notes = Notes(archive, self.reader)
        self.channels = Channels(archive, self.reader)
        self.access = Access(self.owners, self.channels, self.grants, self.notes)
        self.chats = Chats(archive, self.reader, self.owners)
        self.shared_chats = SharedChats(archive, self.reader, self.owners)
        self.contents = Contents(archive, self.document_log, self.notes)
