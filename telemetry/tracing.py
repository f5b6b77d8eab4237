"""Request tracing by OpenTelemetry, for who switches it on: spans go to a collector over HTTP (OTLP).

Imported when it is on (telemetry/switch.py); without it nothing of this is in any path. What the SDK reads of the
environment itself works as documented: OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_SCHEDULE_DELAY,
OTEL_RESOURCE_ATTRIBUTES.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Literal

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Value = str | int
Kind = Literal["server", "producer", "internal"]

KINDS = {
    "server": trace.SpanKind.SERVER,
    "producer": trace.SpanKind.PRODUCER,
    "internal": trace.SpanKind.INTERNAL,
}


@dataclass(frozen=True, slots=True)
class Span:
    """One that is under way."""

    _span: trace.Span

    def name(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **attributes: Value) -> None:
        """Attributes; `__` in a name stands for a dot."""
        self._span.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})

    def failed(self, why: str) -> None:
        """why: a type, or a status. Never a message: it may quote a payload."""
        self._span.set_attribute("error.type", why)
        self._span.set_status(trace.StatusCode.ERROR)


class Tracing:
    """Makes the spans of one process. They are sent by a thread of the SDK's; what it cannot send it drops."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("roomlog")
        self._from_headers = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, kind: Kind = "internal", headers: Mapping[str, str] | None = None) -> Iterator[Span]:
        """A span of what runs inside, below the one that it runs in, or the one that `traceparent` names."""
        context = self._from_headers.extract(headers) if headers is not None else None
        with self._tracer.start_as_current_span(
            name, context, KINDS[kind], record_exception=False, set_status_on_exception=False
        ) as begun:
            span = Span(begun)
            try:
                yield span
            except BaseException as fault:
                span.failed(type(fault).__name__)
                raise


@asynccontextmanager
async def tracing_to(endpoint: str, service: str, version: str) -> AsyncIterator[Tracing]:
    """Tracing to a collector's address; what was not sent yet is sent at the end, for 5 s at most."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service, SERVICE_VERSION: version}))
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Tracing(provider)
    finally:
        await asyncio.to_thread(provider.shutdown)
