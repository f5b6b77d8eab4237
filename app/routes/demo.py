"""What the demo page asks for, besides what every page may: who one is by a name, and what there is to show."""

from __future__ import annotations

from math import ceil

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
    wait_s = ceil(node.sign_ins.take(request.client.host if request.client else ""))
    if wait_s:
        text = f"too many have signed in from your address: try again in {wait_s} s"
        raise ApiError(429, "too_many", text, retryable=True, retry_after_s=wait_s)
    who = guest((await read_body(request, DemoName)).name)
    if who is None:
        raise BadPayload(f"name: 1 to {NAME_LENGTH} printable characters")
    await Commons(node.memberships, node.note_writes).welcome(who.id)
    return Json({"token": node.tokens.sign(guest_claims(who)), "id": who.id, "name": who.name})


async def config(request: Request) -> Response:
    """What the demo page shows: the node that it is at and how far the log is read, where the nodes are, which model
    answers.

    sid: the page's session. Behind a balancer its socket is not always at the node that is asked.
    """
    node = _node_with_demo(request)
    sid = request.query_params.get("sid", "")
    session = await node.pool.find(sid[:100]) if sid else None
    settings = node.settings
    provider = "upstream" if settings.openai_api_base_url else "embedded"
    return Json(
        {
            "node": session.node if session is not None else node.name,
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
