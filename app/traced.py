"""What a node traces, when tracing is on: requests and appends. Deliveries are not: one append may be thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.append import Appended, Appender, NewEntry

if TYPE_CHECKING:
    from telemetry.tracing import Span, Tracing

UNTRACED = ("/livez", "/readyz", "/metrics", "/ws/")
"""What probes ask, and transports that last as long as a session does."""


class TracedRequests:
    """A span for every HTTP request, named by its route, below the caller's (`traceparent`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNTRACED):
            await self._app(scope, receive, send)
            return
        tracing: Tracing = scope["app"].state.node.tracing
        with tracing.span(scope["method"], "server", Headers(scope=scope)) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note_status(span, message["status"])
                await send(message)

            span.note(http__request__method=scope["method"])
            path = scope["path"]
            try:
                await self._app(scope, receive, noted)
            finally:
                _note_route(span, path, scope)


def _note_status(span: Span, status: int) -> None:
    span.note(http__response__status_code=status)
    if status >= 500:
        span.failed(str(status))


def _note_route(span: Span, path: str, scope: Scope) -> None:
    """The route, as the table has it: the ids in an address are as many as there are chats."""
    if "endpoint" not in scope:
        return
    names = {str(value): name for name, value in scope["path_params"].items()}
    route = "/".join(f"{{{names[part]}}}" if part in names else part for part in path.split("/"))
    span.note(http__route=route)
    span.name(f"{scope['method']} {route}")


class TracedAppender(Appender):
    """An appender with a span for every append. Its position is what a fold, or a client, can be asked about."""

    def __init__(self, tracing: Tracing, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tracing = tracing

    async def append(self, entry: NewEntry) -> Appended:
        with self._tracing.span("append", "producer") as span:
            span.note(roomlog__room=entry.room, roomlog__event=entry.event, roomlog__bytes=entry.size_bytes)
            appended = await super().append(entry)
            span.note(roomlog__position=str(appended.position))
            return appended
