"""What operators see of the whole system. Every route here is for admins."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.http import ApiError, Json, bearer_of, choice, identify, node_of, number
from app.node import Node
from app.payloads import BadPayload
from oversight.rooms import ORDERS, Cursor
from streams.errors import LogUnavailable

PART_LENGTH = 256

ASK_S = 2.0
"""How long the overview waits for the log to tell whether its asker's token was revoked."""


async def admin(request: Request) -> tuple[Node, Identity]:
    """The node, and the admin who asks. The same refusal whatever was asked for. Raises ApiError 403."""
    return node_of(request), _admin(await identify(request))


def _admin(identity: Identity) -> Identity:
    if identity.role != "admin":
        raise ApiError(403, "forbidden", "only admins may do this")
    return identity


async def overview(request: Request) -> Response:
    """Nodes, workers, both servers, and what to do about them. Answers also while a server is away."""
    node = node_of(request)
    try:
        async with asyncio.timeout(ASK_S):
            _admin(await identify(request))
    except (LogUnavailable, TimeoutError):
        # Nobody can tell now whether the token was revoked; what is answered names nobody's things, and an operator
        # needs it just then.
        _admin(await node.gate.identify_without_the_log(bearer_of(request)))
    return Json(await node.desk.overseer.look())


async def history(request: Request) -> Response:
    """The last hour in numbers: one value of each every ten seconds."""
    node, _identity = await admin(request)
    return Json(await node.desk.samples.history())


async def rooms(request: Request) -> Response:
    """The rooms that the log knows: by a part of the name, sorted by name, length, lag, or the newest entry."""
    node, _identity = await admin(request)
    part, order = request.query_params.get("q", ""), choice(request, "order", *ORDERS)
    if len(part) > PART_LENGTH or not part.isprintable():
        raise BadPayload(f"q: at most {PART_LENGTH} printable characters")
    page = await node.desk.rooms.page(
        q=part, cursor=_cursor(request), limit=number(request, "limit", 100, 1, 500), order=order
    )
    return Json(page)


def _cursor(request: Request) -> Cursor | None:
    given = request.query_params.get("cursor")
    try:
        return None if given is None else Cursor.parse(given)
    except ValueError as fault:
        raise BadPayload(f"cursor: {fault}") from fault
