"""Channels: lists, making, members, webhooks. Only members see a channel; owners and admins manage it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.channel_payloads import ChannelUpdate, NewChannel
from app.channels import Mine
from app.drafts import Actor
from app.http import ApiError, Json, acknowledge, identify, node_of, once_of, read_body
from app.memberships import Plan
from app.node import Node
from app.payloads import BadPayload
from archive.channel import CHANNEL_ROOM, StoredChannel
from archive.channel_wire import channel_wire


def actor_of(identity: Identity) -> Actor:
    return Actor(identity.user_id, identity.name, identity.role)


def unknown(channel_id: str) -> ApiError:
    """The same answer for a channel that is not there and one that is not for the user: nothing leaks."""
    return ApiError(404, "not_found", f"there is no channel {channel_id[:100]} for you")


def may_manage(identity: Identity, stored: StoredChannel) -> bool:
    """Owners of the channel, and admins."""
    member = stored.member(identity.user_id)
    return identity.role == "admin" or (member is not None and member.role == "owner")


async def readable(request: Request, node: Node, identity: Identity) -> StoredChannel:
    """The path's channel, for its members, and for admins unless it is personal. Raises ApiError 404."""
    channel_id: str = request.path_params["channel_id"]
    stored = await node.channels.get(channel_id)
    as_admin = identity.role == "admin" and stored is not None and not stored.channel.is_personal
    if stored is None or not (stored.member(identity.user_id) or as_admin):
        raise unknown(channel_id)
    return stored


async def writable(request: Request, node: Node, identity: Identity) -> StoredChannel:
    """The path's channel, for those who may post: its readers, and services. Raises ApiError 404."""
    if identity.role != "service":
        return await readable(request, node, identity)
    channel_id: str = request.path_params["channel_id"]
    stored = await node.channels.get(channel_id)
    if stored is None:
        raise unknown(channel_id)
    return stored


async def managed(request: Request, node: Node, identity: Identity) -> StoredChannel:
    """The path's channel, for its owners and admins. Raises ApiError 404 to strangers, 403 to other members."""
    stored = await readable(request, node, identity)
    if not may_manage(identity, stored):
        raise ApiError(403, "forbidden", "only the channel's owners may do this")
    return stored


async def mine(request: Request) -> Response:
    """The asking user's channels, with how much of each is unread."""
    node, identity = node_of(request), await identify(request)
    found = await node.channels.mine(identity.user_id)
    unread = await node.channels.unread(identity.user_id, found)
    return Json([_line(m, *unread[m.stored.channel.id]) for m in found])


def _line(found: Mine, unread: int, latest_at: int) -> dict[str, Any]:
    return {
        **channel_wire(found.stored.channel),
        "user_ids": [user_id for _channel_id, user_id in found.stored.members],
        "last_message_at": latest_at or None,
        "last_read_at": found.read_at,
        "unread_count": unread,
        "is_channel_muted": found.mark.muted,
    }


async def create(request: Request) -> Response:
    """Create a channel; the asking user owns it, and its members' sessions are in it."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, NewChannel)
    kind = body.type or "channel"
    if kind == "dm":
        if len(body.user_ids) != 1:
            raise BadPayload("user_ids: direct messages have one other user")
        return await _direct(request, node, identity, body.user_ids[0])
    if not body.name.strip():
        raise BadPayload("name: must not be empty")
    plan = Plan(
        kind,
        body.name,
        body.description or "",
        bool(body.is_private),
        body.data,
        body.meta,
        tuple(body.user_ids),
    )
    once = once_of(request, identity, body)
    stored, appended = await node.memberships.create(actor_of(identity), plan, once)
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(_full(identity, stored))


async def direct(request: Request) -> Response:
    """The direct messages with another user: found, or made."""
    node, identity = node_of(request), await identify(request)
    return await _direct(request, node, identity, request.path_params["user_id"])


async def _direct(request: Request, node: Node, identity: Identity, other_id: str) -> Response:
    if other_id == identity.user_id or len(other_id) > 256 or not other_id.isprintable():
        raise BadPayload("user id: direct messages have one other user")
    stored, appended = await node.memberships.direct(actor_of(identity), other_id)
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(_full(identity, stored))


async def read(request: Request) -> Response:
    """A channel with its members' ids, complete up to its `position`."""
    node, identity = node_of(request), await identify(request)
    return Json(_full(identity, await readable(request, node, identity)))


def _full(identity: Identity, stored: StoredChannel) -> dict[str, Any]:
    return {
        **channel_wire(stored.channel),
        "user_ids": [user_id for _channel_id, user_id in stored.members],
        "user_count": len(stored.members),
        "is_manager": may_manage(identity, stored),
        "write_access": stored.member(identity.user_id) is not None or identity.may_serve,
        "position": str(stored.position),
    }


async def update(request: Request) -> Response:
    """Change a channel's name, description or flags."""
    node, identity = node_of(request), await identify(request)
    stored = await managed(request, node, identity)
    body = await read_body(request, ChannelUpdate)
    appended = await node.memberships.update(stored, actor_of(identity), body.model_dump(exclude_none=True))
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(_full(identity, await readable(request, node, identity)))


async def delete(request: Request) -> Response:
    """Delete a channel; when it answers, nobody is in its room."""
    node, identity = node_of(request), await identify(request)
    stored = await managed(request, node, identity)
    if stored.channel.kind == "dm":
        raise ApiError(403, "forbidden", "direct messages belong to two; neither deletes them")
    appended = await node.memberships.delete(stored, actor_of(identity))
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(True)
