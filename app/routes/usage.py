"""What is in use right now."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.http import Json, identify, node_of


async def usage(request: Request) -> Response:
    """The models in use within the last seconds, and how many users are connected."""
    node, _identity = node_of(request), await identify(request)
    return Json({"model_ids": await node.usage.models(), "user_count": await node.pool.user_count()})
