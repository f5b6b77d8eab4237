"""The worker process: assembles the loops, runs them under one owner, stops them in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import uvloop
from sqlalchemy.exc import SQLAlchemyError

from archive import Archive, DatabaseUnusable, check_database, open_pool
from archive.documents import Keeping
from embedded import EmbeddedError, lease
from migrations import upgrade
from registry.lease import Lease
from registry.orphans import Orphans
from registry.settings import Settings, SettingsError, load_settings
from registry.tasks import Tasks
from registry.workers import Workers
from streams.documents import DocumentLog
from streams.errors import LogUnavailable, ServerUnfit
from streams.jobs import Jobs
from streams.keys import Keys
from streams.link import Link, check_server
from streams.replay import Reader
from streams.rooms import Rooms
from telemetry.logs import configure, identify
from telemetry.switch import TracingMissing, tracing_of
from workers import __version__
from workers.compactor import Compactor
from workers.config import WorkerConfig
from workers.interrupter import Interrupter
from workers.metrics import catalogue_of
from workers.persister import Persister
from workers.reaper import LEASE, Reaper
from workers.reclaimer import Reclaimer
from workers.sandbox import Sandbox
from workers.sweeper import Sweeper
from workers.tally import Reporter, Tally
from workers.traced import TracedPersister
from workers.window import Window, WindowClosed

if TYPE_CHECKING:
    from telemetry.tracing import Tracing

log = logging.getLogger("roomlog.worker")

SWEEP_LEASE_S = 15.0
INTERRUPT_LEASE_S = 3.0


class Loop(Protocol):
    """What a worker runs until it is stopped."""

    async def run(self) -> None: ...


Keep = Callable[[], Coroutine[Any, Any, None]]


def main() -> int:
    """Run a worker until it is told to stop. Returns the exit code: 0 stopped, 1 failed, 2 bad settings."""
    try:
        settings = load_settings()
    except SettingsError as fault:
        print(f"worker: {fault}", file=sys.stderr)  # noqa: T201  # there is no log yet
        return 2
    configure(settings.log_format, settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except (EmbeddedError, ServerUnfit, DatabaseUnusable, LogUnavailable, SQLAlchemyError, TracingMissing) as fault:
        log.critical("%s", str(fault).strip().partition("\n")[0])  # its one clear line
        return 1
    except BaseExceptionGroup as faults:
        first = _first(faults)
        if isinstance(first, WindowClosed):
            log.critical("%s", first)
        else:
            log.critical("a loop of this worker died: %s", first, exc_info=faults)
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Raises in one line what keeps it from starting; an ExceptionGroup when a loop dies.

    At the first signal the round in hand is finished and the consumer group left; the second kills at once.
    """
    stop = asyncio.Event()
    _listen_for_signals(stop)
    async with AsyncExitStack() as stack:
        redis_url, database_url, keep = await stack.enter_async_context(_servers(settings))
        link = Link(redis_url, Keys(settings.redis_key_prefix), settings.sentinels)
        stack.push_async_callback(link.aclose)
        for warning in await check_server(link):
            log.warning("%s", warning)
        await check_database(database_url)
        await asyncio.to_thread(upgrade, database_url)
        pool = await stack.enter_async_context(open_pool(database_url, application_name="roomlog-worker", wait_s=3.0))
        service = settings.otel_service_name or "roomlog-worker"
        tracing = await stack.enter_async_context(tracing_of(settings.traces_url, service, __version__))
        gc.freeze()  # full collections pass over all that is loaded: looking at it was a quarter of what a delta cost
        async with asyncio.TaskGroup() as group:
            servers = group.create_task(keep(), name="servers")
            keeping = Keeping(settings.document_versions, settings.document_version_hours)
            await run_loops(link, Archive(pool, keeping), config_of(settings), stop, tracing)
            servers.cancel()


async def run_loops(
    link: Link, archive: Archive, config: WorkerConfig, stop: asyncio.Event, tracing: Tracing | None = None
) -> None:
    """Run all loops of one worker until `stop` is set. If one dies the others are cancelled, which is safe."""
    worker = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    identify(worker=worker)
    client = link.client(connections=8)
    jobs, rooms, tally = Jobs(link, client, worker), Rooms(link, client), Tally()
    workers = Workers(link.keys, client)
    documents, reader = DocumentLog(link, client, config.fold_due), Reader(link, client)
    make = partial(TracedPersister, tracing) if tracing else Persister
    persister = make(link, jobs, archive, config, tally, stop)
    reclaiming = make(link, jobs, archive, config, tally, stop)
    sweep_lease = Lease(link, client, "sweep", SWEEP_LEASE_S)
    loops: tuple[Loop, ...] = (
        persister,
        Reclaimer(jobs, reclaiming, config, tally, stop),
        Sweeper(sweep_lease, rooms, jobs, documents, archive, workers, config, stop),
        Interrupter(
            link,
            Tasks(link.keys, client, INTERRUPT_LEASE_S),
            Lease(link, client, "interrupter", INTERRUPT_LEASE_S),
            config,
            stop,
        ),
        *(
            Compactor(documents, reader, rooms, archive, Sandbox(), config, tally, stop)
            for _ in range(config.compactors)
        ),
        Reaper(Lease(link, client, LEASE), Orphans(link.keys, client, LEASE), config, stop),
        Reporter(worker, tally, workers, rooms, stop),
        *_window(config, tally, stop),
    )
    await jobs.ensure_group()
    log.info("worker %(worker)s is at work", {"worker": worker})
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(_until_stopped(loop, stop), name=type(loop).__name__)
    log.info("worker %s stopped%s", worker, "" if await _left(jobs) else "; another worker claims its jobs")


async def _left(jobs: Jobs) -> bool:
    """Whether nothing of this worker is in the log any more. A log that is away keeps nobody from stopping."""
    try:
        return await jobs.leave()
    except LogUnavailable as fault:
        log.warning("this worker's name stays until it is swept: %s", fault)
        return False


def _window(config: WorkerConfig, tally: Tally, stop: asyncio.Event) -> tuple[Loop, ...]:
    if not config.metrics_port:
        return ()
    return (Window(config.metrics_host, config.metrics_port, catalogue_of(tally), stop),)


async def _until_stopped(loop: Loop, stop: asyncio.Event) -> None:
    """Run a loop; when it ends, by a fault too, the others are told to stop. A cancellation alone may get lost in
    redis-py (see streams/ending.py), and a loop that lost it would keep the dead worker alive."""
    try:
        await loop.run()
    finally:
        stop.set()


def config_of(settings: Settings) -> WorkerConfig:
    return WorkerConfig(
        fold_window_s=settings.fold_window_ms / 1000,
        claim_after_s=settings.claim_after_s,
        retention_s=settings.retention_s,
        room_keep=settings.room_keep,
        sweep_every_s=settings.sweep_interval_s,
        room_cap=settings.room_cap,
        log_length=settings.shard_log_length,
        document_keep_bytes=settings.document_keep_bytes,
        fold_due=settings.fold_due,
        metrics_host=settings.worker_metrics_host,
        metrics_port=settings.worker_metrics_port,
    )


@asynccontextmanager
async def _servers(settings: Settings) -> AsyncIterator[tuple[str, str, Keep]]:
    """URLs of both servers, and what keeps them up. One that no setting names is started, or found, in the folder."""
    redis_url, database_url = settings.log_url, settings.archive_url
    if redis_url and database_url:
        yield redis_url, database_url, _nothing
        return
    async with lease(settings.roomlog_data_dir, redis=not redis_url, postgres=not database_url) as servers:
        yield redis_url or servers.redis_url or "", database_url or servers.database_url or "", servers.keep


async def _nothing() -> None:
    """Servers that others run are kept by others."""


def _listen_for_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def first() -> None:
        log.info("stopping after the round in hand; a second signal stops at once")
        stop.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, first)


def _first(fault: BaseException) -> BaseException:
    while isinstance(fault, BaseExceptionGroup):
        fault = fault.exceptions[0]
    return fault
