"""Users: who asks, who was seen, and the end of tokens."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.http import ApiError, Json, bearer_of, identify, node_of, number
from app.payloads import BadPayload


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
    node, identity = node_of(request), await identify(request)
    _require_admin(identity)
    limit, page = number(request, "limit", 60, 1, 500), number(request, "page", 1, 1, 1_000_000)
    return Json({"users": [asdict(user) for user in await node.archive.users_page(limit, (page - 1) * limit)]})


async def revoke(request: Request) -> Response:
    """Revoke every token that a user has up to now, and disconnect the user on every node. For admins."""
    node, identity = node_of(request), await identify(request)
    _require_admin(identity)
    user_id: str = request.path_params["user_id"]
    if len(user_id) > 256 or not user_id.isprintable():
        raise BadPayload("user id: at most 256 printable characters")
    await node.revocations.revoke_user(user_id)
    await node.orders.disconnect_user(user_id)
    return Json({"status": True})


def _require_admin(identity: Identity) -> None:
    """The same refusal whatever was asked for. Raises ApiError 403."""
    if identity.role != "admin":
        raise ApiError(403, "forbidden", "only admins may do this")
