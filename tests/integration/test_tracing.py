"""Tracing, when it is switched on: what a collector receives over OTLP, and what is said when it cannot be."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.nodes import Api, Fleet, Process, eventually, token
from tests.support.valkey import free_port

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
WORD = "w0rds-of-hers"
WITHOUT = "import sys; sys.modules['opentelemetry'] = None; "


@dataclass
class Collector:
    """Spans as they came: (service, name, trace id, parent's id, attributes)."""

    url: str = ""
    raw: list[bytes] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.raw.append(await request.read())
        self.headers.append(request.headers)
        return web.Response(content_type="application/x-protobuf")

    def spans(self, name: str) -> list[tuple[str, Any]]:
        """(service, span) of every span whose name begins like this."""
        found = []
        for body in self.raw:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                names = {one.key: one.value.string_value for one in resource.resource.attributes}
                found += [
                    (names["service.name"], span)
                    for scope in resource.scope_spans
                    for span in scope.spans
                    if span.name.startswith(name)
                ]
        return found


@asynccontextmanager
async def _collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    collector.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield collector
    finally:
        await runner.cleanup()


def _attributes(span: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


async def test_a_request_its_append_and_the_fold_are_traced_and_say_nothing_of_the_payload(fleet: Fleet) -> None:
    async with _collecting() as collector:
        traced = {"otel_exporter_otlp_endpoint": collector.url, "otel_bsp_schedule_delay": 100}
        node = await fleet.node(**traced, otel_exporter_otlp_headers="x-key=of-the-collector", otel_service_name="chat")
        worker = fleet.worker(**traced)
        api = Api(node.url)
        chat = await api.new_chat()
        upstream = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        position = await api.emit(chat, "message", {"content": WORD}, headers=upstream)
        await api.client.get("/nowhere")
        await eventually(lambda: collector.spans("POST") and collector.spans("append") and collector.spans("fold"), 60)
        await api.aclose()
        await asyncio.to_thread(fleet.stop_processes)
        (request,) = [span for _service, span in collector.spans("POST") if span.trace_id.hex() == TRACE]
        assert request.name == "POST /api/v1/chats/{chat_id}/messages/{message_id}/event"
        assert request.parent_span_id.hex() == PARENT
        assert _attributes(request)["http.response.status_code"] == 200
        (append,) = [span for _service, span in collector.spans("append") if span.trace_id.hex() == TRACE]
        assert append.parent_span_id == request.span_id
        assert _attributes(append)["roomlog.position"] == position
        assert _attributes(append)["roomlog.room"] == "user:alice"
        service, fold = collector.spans("fold")[0]
        assert service == "roomlog-worker"
        assert _attributes(fold)["roomlog.room"] == "user:alice"
        assert {service for service, _span in collector.spans("append")} == {"chat"}
        assert [span.name for _service, span in collector.spans("GET")] == ["GET"]
        assert collector.spans("GET /livez") == []
        assert "of-the-collector" in {headers.get("x-key") for headers in collector.headers}
        everything = b"".join(collector.raw)
        assert WORD.encode() not in everything
        assert token().split(".")[0].encode() not in everything
        for process in (node, worker):
            assert "of-the-collector" not in process.text()


async def test_a_collector_that_is_away_costs_nobody_anything(fleet: Fleet) -> None:
    node = await fleet.node(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{free_port()}", otel_bsp_schedule_delay=50)
    api = Api(node.url)
    chat = await api.new_chat()
    for _ in range(5):
        await api.emit(chat, "message", {"content": "words"})
    await api.aclose()
    assert node.stop() in (0, -signal.SIGTERM)  # bare uvicorn ends by the signal
    assert WORD not in node.text()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("from workers.main import main; sys.exit(main())", 1),
        ("sys.argv = ['roomlog', 'serve', '--port', '{port}']; from cli.main import run; run()", 3),
    ],
    ids=["worker", "node"],
)
async def test_tracing_without_its_packages_is_refused_in_one_line(fleet: Fleet, program: str, code: int) -> None:
    env = fleet.env(otel_exporter_otlp_endpoint="http://127.0.0.1:1")
    process = Process(["-c", WITHOUT + program.format(port=free_port())], env)
    fleet.processes.append(process)
    process.start()
    await eventually(lambda: process.process is not None and process.process.poll() is not None, 60)
    assert "OpenTelemetry is not installed: pip install 'roomlog[otel]'" in process.text()
    assert "Traceback" not in process.text()
    assert process.process is not None
    assert process.process.returncode == code


async def test_it_is_off_unless_it_is_switched_on(fleet: Fleet) -> None:
    async with fleet.inside(otel_exporter_otlp_endpoint="http://127.0.0.1:1", otel_sdk_disabled=True) as node:
        assert node.node.tracing is None
        assert type(node.node.appender).__name__ == "Appender"
