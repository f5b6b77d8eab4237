"""The ASGI application: `uvicorn app.main:app`."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

from app import __version__
from app.edge import guarded
from app.http import EXCEPTION_HANDLERS
from app.leaving import is_new_client, refuse, unkept
from app.node import Node
from app.pages import page_routes
from app.routes.router import routes
from app.settings import Settings, SettingsError, load_settings
from app.sigterm import drained_before_stop
from app.traced import TracedRequests
from archive.database import check_database, open_pool
from archive.errors import ArchiveError
from archive.store import Archive
from embedded.beside import worker_beside
from embedded.errors import EmbeddedError
from embedded.lease import Servers, lease
from embedded.secret import development_secret
from migrations import upgrade
from streams.errors import LogError, ServerUnfit
from streams.keys import Keys
from streams.link import Link, check_server
from telemetry.logs import configure, identify
from telemetry.switch import TracingMissing, tracing_of

log = logging.getLogger("roomlog")

SOCKET_PATH = "/ws/socket.io"

FAST_WEBSOCKETS = "app.wire"

OPERATOR_FAULTS = (SettingsError, EmbeddedError, ServerUnfit, LogError, ArchiveError, TracingMissing)
"""Faults whose one line tells an operator what to do."""


async def _socket_io(scope: Scope, receive: Receive, send: Send) -> None:
    node: Node = scope["app"].state.node
    if node.drain.begun and is_new_client(scope):
        await refuse(scope, receive, send)
        return
    await guarded(node.server.handle_request, node.settings.max_message_bytes, scope, receive, send)


@asynccontextmanager
async def open_node(settings: Settings) -> AsyncIterator[Node]:
    """A node at work with everything that it needs: servers, tables, connections.

    Raises SettingsError, EmbeddedError, ServerUnfit, ArchiveError or TracingMissing, each with a line for the operator.
    """
    async with AsyncExitStack() as stack:
        redis_url, database_url = settings.log_url, settings.archive_url
        if redis_url is None or database_url is None:
            data_dir = settings.roomlog_data_dir
            servers = await stack.enter_async_context(
                lease(data_dir, redis=redis_url is None, postgres=database_url is None)
            )
            await stack.enter_async_context(_kept(servers))
            redis_url = redis_url or servers.redis_url
            database_url = database_url or servers.database_url
        assert redis_url is not None
        assert database_url is not None
        secret = settings.webui_secret_key or _development_secret(settings)
        link = Link(redis_url, Keys(settings.redis_key_prefix), settings.sentinels)
        stack.push_async_callback(link.aclose)
        for warning in await check_server(link):
            log.warning("%s", warning)
        await check_database(database_url)
        await asyncio.to_thread(upgrade, database_url)
        pool = open_pool(database_url, application_name="roomlog node")
        await stack.enter_async_context(pool)
        service = settings.otel_service_name or "roomlog-node"
        tracing = await stack.enter_async_context(tracing_of(settings.traces_url, service, __version__))
        node = Node(settings, link, Archive(pool), secret, tracing)
        identify(node=node.name)
        if settings.embedded_worker and settings.log_url is None and settings.database_url is None:
            await stack.enter_async_context(worker_beside())
        await stack.enter_async_context(node.running())
        log.info("node %(node)s is ready at position %(position)s", {"node": node.name, "position": node.hub.position})
        yield node


@asynccontextmanager
async def _kept(servers: Servers) -> AsyncIterator[None]:
    """The embedded servers, started again if somebody kills them."""
    async with asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(servers.keep())
        yield
        keeping.cancel()


def _development_secret(settings: Settings) -> str:
    """The secret of a development folder. With real servers there must be a real one."""
    if settings.log_url is not None and settings.database_url is not None:
        raise SettingsError("WEBUI_SECRET_KEY is not set: the secret that signs tokens; any string of 8 or more")
    return development_secret(settings.roomlog_data_dir)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    try:
        async with open_node(app.state.settings) as node:
            app.state.node = node
            gc.collect()
            gc.freeze()  # what a node is made of stays: each collection of a storm's litter would look through it
            if FAST_WEBSOCKETS not in sys.modules:  # whoever serves with it has imported it by now
                log.warning(
                    "WebSockets are served the slow way; the fast one: roomlog serve, or uvicorn … --ws %s",
                    f"{FAST_WEBSOCKETS}:WebSocketProtocol",
                )
            with drained_before_stop(node.drain.begin):
                yield
            node.health.closing = True
    except OPERATOR_FAULTS as fault:
        app.state.fault = f"roomlog: {fault}"
        raise
    except BaseExceptionGroup:
        # The web server takes no notice of a lifespan that ends early: without a tail it would serve on, deaf.
        log.critical("a task of the node died; the node stops", exc_info=True)
        signal.raise_signal(signal.SIGTERM)
        raise


class PlainFaults:
    """Passes everything on, but says in one line why the node does not start, when an operator can mend it."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.state = app.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            node = getattr(self.state, "node", None)
            leaving = scope["type"] == "http" and node is not None and node.drain.begun
            await self._app(scope, receive, unkept(send) if leaving else send)
            return

        async def plainly(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and self.state.fault:
                message["message"] = self.state.fault
            await send(message)

        await self._app(scope, receive, plainly)


def create_app(settings: Settings) -> PlainFaults:
    """The application of a node with these settings."""
    logging.getLogger("roomlog").setLevel(settings.log_level)
    logging.getLogger("roomlog").debug("Using Redis to manage websockets.")
    cors = Middleware(
        CORSMiddleware,
        allow_origins=[] if settings.origins == "*" else list(settings.origins),
        allow_origin_regex=".*" if settings.origins == "*" else None,
        allow_credentials=True,  # pages ask with `credentials: include`, though no cookie means anything here
        allow_methods=["*"],
        allow_headers=["*"],
    )
    app = Starlette(
        routes=[
            Mount(SOCKET_PATH, app=_socket_io),
            Mount("/api", routes=routes("/api"), middleware=[cors]),
            *routes(""),
            *page_routes(settings.demo),
        ],
        middleware=[Middleware(TracedRequests)] if settings.traces_url else [],
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.fault = None
    return PlainFaults(app)


def __getattr__(name: str) -> PlainFaults:
    """`app` is made when a server asks for it, so that importing this module reads nothing."""
    if name != "app":
        raise AttributeError(name)
    try:
        settings = load_settings()
    except SettingsError as fault:
        print(f"roomlog: {fault}", file=sys.stderr)  # noqa: T201  # there is no log yet
        raise SystemExit(2) from fault
    configure(settings.log_format, settings.log_level)
    return create_app(settings)
