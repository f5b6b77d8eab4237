"""Any room, as operators read it. For admins, who need not be members; what is personal is withheld."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.http import ApiError, Json, number
from app.payloads import parse_position
from app.routes.admin import admin
from app.routes.rooms import follow
from streams.entry import Entry
from streams.keys import CONTROL_ROOM


async def read(request: Request) -> Response:
    """One room: how long it is, who is in it, what is not folded."""
    node, _identity = await admin(request)
    room = await node.desk.rooms.detail(request.path_params["room"], node.settings.retention_s)
    if room is None:
        raise _unknown()
    return Json(room)


async def events(request: Request) -> Response:
    """What was appended to a room after a position, oldest first; `gap` when some of it is gone."""
    node, identity = await admin(request)
    room: str = request.path_params["room"]
    limit, after = number(request, "limit", 100, 1, 1000), parse_position(request.query_params.get("after"))
    if await node.rooms.head(room) is None:
        raise _unknown()
    withheld = not await node.access.may_list(identity, room)
    return Json(await node.desk.events.page(room, after, limit, withheld=withheld))


async def stream(request: Request) -> Response:
    """A room's entries as Server-Sent Events, as they come."""
    node, identity = await admin(request)
    room: str = request.path_params["room"]
    if room == CONTROL_ROOM:
        raise ApiError(404, "not_found", "orders to nodes are listed, not followed")
    if await node.rooms.head(room) is None:
        raise _unknown()

    async def allowed() -> None:
        await admin(request)

    withheld = not await node.access.may_list(identity, room)
    return await follow(request, identity, room, allowed, _withheld if withheld else _whole)


def _whole(entry: Entry) -> Entry:
    return entry


def _withheld(entry: Entry) -> Entry:
    return entry._replace(data=b"null", binary=b"")


def _unknown() -> ApiError:
    return ApiError(404, "not_found", "the log has no room of this name")
