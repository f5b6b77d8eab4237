"""Users' sessions and tasks, and what admins did. For admins."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from app.audited import audited
from app.http import ApiError, Json, number
from app.node import Node
from app.payloads import parse_position
from app.routes.admin import admin
from app.routes.users import checked, end_all_of
from oversight.people import Revoked, UserSession
from oversight.running import running_tasks


async def sessions(request: Request) -> Response:
    """A user's connected sessions, on all nodes."""
    node, _identity = await admin(request)
    found = await node.desk.people.sessions(checked(request.path_params["user_id"]))
    return Json(replace(found, sessions=tuple(_with_rooms(node, session) for session in found.sessions)))


def _with_rooms(node: Node, session: UserSession) -> UserSession:
    """A session of this node with the rooms that it is in."""
    own = node.sessions.by_sid.get(session.sid)
    return session if own is None else replace(session, rooms=tuple(sorted(own.feed.rooms)))


async def disconnect(request: Request) -> Response:
    """Close a session's link, on whichever node it is: its client comes back and resumes."""
    node, identity = await admin(request)
    sid: str = request.path_params["sid"]
    async with audited(node.desk.audit, identity, "session.disconnect", sid):
        if await node.pool.find(sid) is None:
            raise ApiError(404, "not_found", "no such session is connected")
        await node.orders.cut_off_session(sid)
    return Json({})


async def revoke(request: Request) -> Response:
    """Refuse all tokens that a user has up to now, and disconnect the user on every node."""
    node, identity = await admin(request)
    return Json(Revoked(await end_all_of(node, identity, checked(request.path_params["user_id"]))))


async def tasks(request: Request) -> Response:
    """The running tasks of all nodes."""
    node, _identity = await admin(request)
    limit = number(request, "limit", 100, 1, 500)
    return Json(await running_tasks(node.leases, request.query_params.get("cursor", ""), limit))


async def audit(request: Request) -> Response:
    """What admins did, and the command line, the newest first."""
    node, _identity = await admin(request)
    after = parse_position(request.query_params.get("after"))
    return Json(
        await node.desk.audit.page(None if after is None else str(after), number(request, "limit", 100, 1, 500))
    )
