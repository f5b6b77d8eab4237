"""What the demo page asks for, besides what every page may: who one is by a name, and what there is to show."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.demo import NAME_LENGTH, guest, guest_claims
from app.demo_commons import Commons
from app.http import ApiError, Json, node_of, read_body
from app.node import Node
from app.pages import DEMO_OFF
from app.payloads import BadPayload, DemoName


async def session(request: Request) -> Response:
    """Sign in to the demo by a name: a token of an ordinary user, the same user for the same name."""
    node = _node_with_demo(request)
    who = guest((await read_body(request, DemoName)).name)
    if who is None:
        raise BadPayload(f"name: 1 to {NAME_LENGTH} printable characters")
    await Commons(node.memberships, node.note_writes).welcome(who.id)
    return Json({"token": node.tokens.sign(guest_claims(who)), "id": who.id, "name": who.name})


async def config(request: Request) -> Response:
    """What the demo page shows: this node's name and place in the log, where the nodes are, and which model answers."""
    node = _node_with_demo(request)
    settings = node.settings
    provider = "upstream" if settings.openai_api_base_url else "embedded"
    return Json(
        {
            "node": node.name,
            "position": str(node.hub.position),
            "nodes": settings.demo_addresses,
            "model": settings.demo_model,
            "provider": provider,
        }
    )


def _node_with_demo(request: Request) -> Node:
    """Raises ApiError 404 when the demo is off."""
    node = node_of(request)
    if not node.settings.demo:
        raise ApiError(404, "not_found", DEMO_OFF)
    return node
