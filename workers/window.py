"""What a worker answers over HTTP: /metrics and /livez. It takes nothing in."""

from __future__ import annotations

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from telemetry.catalogue import Catalogue


class WindowClosed(Exception):
    """Nobody can listen there. One line for the operator."""


class Window:
    """Serves a worker's metrics until it is stopped.

    /livez is answered by the loop that folds: one that hangs does not answer. The rest of what ails a worker is in its
    metrics; it waits for its servers, and killing it would mend nothing.
    """

    def __init__(self, host: str, port: int, catalogue: Catalogue, stop: asyncio.Event) -> None:
        self._host = host
        self._port = port
        self._catalogue = catalogue
        self._stop = stop

    async def run(self) -> None:
        """Serve until stopped. Raises WindowClosed when the port is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as fault:
            await runner.cleanup()
            where = f"{self._host}:{self._port}"
            raise WindowClosed(f"WORKER_METRICS_PORT: cannot listen on {where} ({fault.strerror})") from fault
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._catalogue.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})
