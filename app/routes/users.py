"""Users: who asks, who was seen, roles, and the end of tokens."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.audited import audited
from app.auth import Identity
from app.demo import PREFIX
from app.http import ApiError, Json, bearer_of, identify, node_of, number, read_body
from app.node import Node
from app.payloads import BadPayload, RoleUpdate, UserUpdate
from app.routes.admin import admin


async def current(request: Request) -> Response:
    """Who the token speaks for, as the page asks at load."""
    node, identity = node_of(request), await identify(request)
    name, email = identity.name, identity.email
    if not (name and email):
        known = (await node.archive.users([identity.user_id])).get(identity.user_id)
        name, email = name or (known.name if known else ""), email or (known.email if known else "")
    return Json(_session_user(identity, name, email) | {"token": bearer_of(request), "token_type": "Bearer"})


def _session_user(identity: Identity, name: str, email: str) -> dict[str, Any]:
    return {
        "id": identity.user_id,
        "name": name,
        "email": email,
        "role": identity.role,
        "profile_image_url": "/user.png",
        "expires_at": int(identity.expires_at) if identity.expires_at is not None else None,
        "permissions": {},
    }


async def sign_out(request: Request) -> Response:
    """Revoke the bearer token itself: refused from now on, its sessions disconnected on every node."""
    node, identity = node_of(request), await identify(request)
    ttl_s = None if identity.expires_at is None else int(identity.expires_at - time.time()) + 1
    await node.revocations.revoke_token(identity.jti, ttl_s)
    await node.orders.disconnect_token(identity.jti)
    return Json({"status": True})


async def listed(request: Request) -> Response:
    """The users that were seen, by id. For admins."""
    node, _identity = await admin(request)
    limit, page = number(request, "limit", 60, 1, 500), number(request, "page", 1, 1, 1_000_000)
    return Json({"users": [asdict(user) for user in await node.archive.users_page(limit, (page - 1) * limit)]})


async def update(request: Request) -> Response:
    """Give a user a role, whatever its tokens claim; no live session goes by the old one when this answers. For admins.

    Name and address are those of the user's tokens.
    """
    node, identity = await admin(request)
    body = await read_body(request, UserUpdate)
    return await _give_role(node, identity, request.path_params["user_id"], body.role)


async def update_role(request: Request) -> Response:
    """Give a user a role, by the route that older pages know. For admins."""
    node, identity = await admin(request)
    body = await read_body(request, RoleUpdate)
    return await _give_role(node, identity, body.id, body.role)


async def _give_role(node: Node, identity: Identity, user_id: str, role: str) -> Response:
    if user_id == identity.user_id:
        raise ApiError(403, "forbidden", "nobody changes the own role: the last admin could not take that back")
    if user_id.startswith(PREFIX) and role != "user":
        raise ApiError(403, "forbidden", "the demo's guests sign in by a name alone: anybody would have this role")
    async with audited(node.desk.audit, identity, f"role.{role}", checked(user_id)):
        user = await node.roles.give(user_id, role)
        if user is None:
            raise ApiError(404, "not_found", f"no user {user_id[:100]} was seen")
    return Json(asdict(user))


def checked(user_id: str) -> str:
    if len(user_id) > 256 or not user_id.isprintable():
        raise BadPayload("user id: at most 256 printable characters")
    return user_id


async def revoke(request: Request) -> Response:
    """Revoke every token that a user has up to now, and disconnect the user on every node. For admins."""
    node, identity = await admin(request)
    await end_all_of(node, identity, checked(request.path_params["user_id"]))
    return Json({"status": True})


async def end_all_of(node: Node, identity: Identity, user_id: str) -> int:
    """Refuse a user's tokens, and end the user's sessions on every node. Returns the Unix second up to which tokens
    are refused. identity: the admin who does it."""
    async with audited(node.desk.audit, identity, "user.revoke", user_id):
        revoked_at_s = await node.revocations.revoke_user(user_id)
        await node.orders.disconnect_user(user_id)
    return revoked_at_s
