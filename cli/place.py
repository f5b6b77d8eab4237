"""The log and the tables that the settings name, for a command's one piece of work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from archive import Archive, open_pool
from embedded import lease
from registry.settings import Settings
from streams.append import Appender
from streams.documents import DocumentLog
from streams.ending import end
from streams.keys import Keys
from streams.link import Link
from streams.replay import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """What a command works on."""

    archive: Archive
    documents: DocumentLog
    reader: Reader
    appender: Appender


@asynccontextmanager
async def place(settings: Settings) -> AsyncIterator[Place]:
    """Servers that no setting names are started, or found, in the data folder."""
    async with AsyncExitStack() as stack:
        redis_url, database_url = settings.log_url, settings.archive_url
        if not (redis_url and database_url):
            wanted = lease(settings.roomlog_data_dir, redis=not redis_url, postgres=not database_url)
            servers = await stack.enter_async_context(wanted)
            redis_url = redis_url or servers.redis_url or ""
            database_url = database_url or servers.database_url or ""
        pool = await stack.enter_async_context(open_pool(database_url, application_name="roomlog-cli", wait_s=5.0))
        link = Link(redis_url, Keys(settings.redis_key_prefix), settings.sentinels)
        stack.push_async_callback(link.aclose)
        client = link.client(connections=2)
        appender = Appender(
            link, room_cap=settings.room_cap, log_length=settings.shard_log_length, fold_due=settings.fold_due
        )
        appending = asyncio.create_task(appender.run())
        stack.push_async_callback(lambda: end([appending]))
        yield Place(Archive(pool), DocumentLog(link, client, settings.fold_due), Reader(link, client), appender)
