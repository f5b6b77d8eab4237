"""What operators and load balancers ask, and what the page asks at load."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from app import __version__
from app.http import Json, node_of
from app.metrics import NODE


async def livez(_request: Request) -> Response:
    """The process answers."""
    return Json({"status": "alive"})


async def readyz(request: Request) -> Response:
    """The node can do its work; 503 with the reasons when it cannot."""
    node = node_of(request)
    reasons = await node.health.reasons()
    body = {"status": "not ready" if reasons else "ready", "reasons": reasons, **node.health.facts()}
    return Json(body, 503 if reasons else 200)


async def metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format."""
    await node_of(request).vitals.look()
    return Response(generate_latest(NODE.registry), media_type=CONTENT_TYPE_LATEST)


async def version(_request: Request) -> Response:
    """The version that this node runs."""
    return Json({"version": __version__})


async def config(request: Request) -> Response:
    """What the page asks at load."""
    settings = node_of(request).settings
    features = {"enable_websocket": settings.enable_websocket_support}
    return Json({"status": True, "name": "Roomlog", "version": __version__, "features": features})
