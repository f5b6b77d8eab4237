"""The log and the tables that the settings name, for a command's one piece of work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from archive.database import open_pool
from archive.errors import ArchiveError
from archive.store import Archive
from cli.errors import CommandError
from embedded import lease
from registry.settings import Settings, load_settings
from streams.append import Appender
from streams.documents import DocumentLog
from streams.ending import end
from streams.errors import LogError
from streams.keys import Keys
from streams.link import Client, Link
from streams.replay import Reader

T = TypeVar("T")
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The log: what a command works on that asks no table."""

    settings: Settings
    link: Link
    client: Client
    documents: DocumentLog
    reader: Reader
    appender: Appender


@dataclass(frozen=True, slots=True)
class Place(LogPlace):
    """The log and the tables."""

    archive: Archive


def at_log(work: Callable[[LogPlace], Awaitable[T]], settings: Settings | None = None) -> T:
    """Do the work on the log alone: no PostgreSQL is started for it. Raises CommandError as `at_place`."""
    return _done(log_place, work, settings)


def at_place(work: Callable[[Place], Awaitable[T]], settings: Settings | None = None) -> T:
    """Do the work where the settings say. Raises CommandError when a server refuses or is silent."""
    return _done(place, work, settings)


def _done(
    opened: Callable[[Settings], AbstractAsyncContextManager[P]],
    work: Callable[[P], Awaitable[T]],
    settings: Settings | None,
) -> T:
    async def run() -> T:
        async with opened(settings or load_settings()) as at:
            return await work(at)

    try:
        return asyncio.run(run())
    except (LogError, ArchiveError) as fault:
        raise CommandError(str(fault)) from fault


@asynccontextmanager
async def place(settings: Settings) -> AsyncIterator[Place]:
    """Servers that no setting names are started, or found, in the data folder. Of the others none is asked yet."""
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what it warns of is raised, too
    async with AsyncExitStack() as stack:
        redis_url, database_url = settings.log_url, settings.archive_url
        if not (redis_url and database_url):
            wanted = lease(settings.roomlog_data_dir, redis=not redis_url, postgres=not database_url)
            servers = await stack.enter_async_context(wanted)
            redis_url = redis_url or servers.redis_url or ""
            database_url = database_url or servers.database_url or ""
        made = open_pool(database_url, application_name="roomlog-cli", min_size=0, wait_s=5.0)
        pool = await stack.enter_async_context(made)
        log = await stack.enter_async_context(_log(settings, redis_url))
        yield Place(log.settings, log.link, log.client, log.documents, log.reader, log.appender, Archive(pool))


@asynccontextmanager
async def log_place(settings: Settings) -> AsyncIterator[LogPlace]:
    """As `place`, without the tables and their server."""
    async with AsyncExitStack() as stack:
        redis_url = settings.log_url
        if not redis_url:
            servers = await stack.enter_async_context(lease(settings.roomlog_data_dir, postgres=False))
            redis_url = servers.redis_url or ""
        yield await stack.enter_async_context(_log(settings, redis_url))


@asynccontextmanager
async def _log(settings: Settings, redis_url: str) -> AsyncIterator[LogPlace]:
    async with AsyncExitStack() as stack:
        link = Link(redis_url, Keys(settings.redis_key_prefix), settings.sentinels)
        stack.push_async_callback(link.aclose)
        client = link.client(connections=4)
        appender = Appender(
            link, room_cap=settings.room_cap, log_length=settings.shard_log_length, fold_due=settings.fold_due
        )
        appending = asyncio.create_task(appender.run())
        stack.push_async_callback(lambda: end([appending]))
        documents = DocumentLog(link, client, settings.fold_due)
        yield LogPlace(settings, link, client, documents, Reader(link, client), appender)
