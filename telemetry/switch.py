"""Whether requests are traced. The packages for it are an extra, and are imported when it is on."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.tracing import Tracing


class TracingMissing(Exception):
    """Tracing is switched on and the packages for it are not there. One line for the operator."""


def tracing_of(endpoint: str | None, service: str, version: str) -> AbstractAsyncContextManager[Tracing | None]:
    """The tracing of a process while it runs; None without a collector's address. Raises TracingMissing."""
    if not endpoint:
        return nullcontext()
    try:
        from telemetry.tracing import tracing_to
    except ImportError as fault:
        raise TracingMissing(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: pip install 'roomlog[otel]'"
        ) from fault
    return tracing_to(endpoint, service, version)
