"""Who is in a channel, and who wants to be bothered by it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.channel_payloads import MemberIds, Mute
from app.http import ApiError, Json, acknowledge, identify, node_of, read_body
from app.node import Node
from app.routes.channels import actor_of, managed, may_manage, readable, unknown
from archive.channel import CHANNEL_ROOM, Member, StoredChannel


async def listed(request: Request) -> Response:
    """A channel's members, with their names where they were seen."""
    node, identity = node_of(request), await identify(request)
    stored = await readable(request, node, identity)
    found = list(stored.members.values())
    names = await node.archive.users([member.user_id for member in found])
    users = [_member(m, names[m.user_id].name if m.user_id in names else "") for m in found]
    return Json({"users": users, "total": len(users)})


def _member(member: Member, name: str) -> dict[str, Any]:
    return {"id": member.user_id, "name": name, "role": member.role, "joined_at": member.joined_at}


async def add(request: Request) -> Response:
    """Add members; when it answers, all their sessions on every node are in the room."""
    node, identity = node_of(request), await identify(request)
    stored = await managed(request, node, identity)
    _not_direct(stored)
    body = await read_body(request, MemberIds)
    appended = await node.memberships.add(stored, actor_of(identity), body.user_ids)
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return await listed(request)


async def remove(request: Request) -> Response:
    """Remove members, or leave; when it answers, no session of theirs is in the room or gets back into it."""
    node, identity = node_of(request), await identify(request)
    stored = await readable(request, node, identity)
    _not_direct(stored)
    body = await read_body(request, MemberIds)
    if body.user_ids != [identity.user_id] and not may_manage(identity, stored):
        raise ApiError(403, "forbidden", "only the channel's owners may do this")
    appended = await node.memberships.remove(stored, actor_of(identity), body.user_ids)
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(True)


def _not_direct(stored: StoredChannel) -> None:
    if stored.channel.kind == "dm":
        raise ApiError(403, "forbidden", "direct messages have the two members that they have")


async def mute(request: Request) -> Response:
    """Whether the asking user wants to be bothered by a channel; all its sessions are told."""
    node, identity = node_of(request), await identify(request)
    stored = await _joined(request, node, identity)
    body = await read_body(request, Mute)
    appended = await node.memberships.mute(stored.channel.id, identity.user_id, body.is_channel_muted)
    await acknowledge(request, f"user:{identity.user_id}", appended)
    return Json(True)


async def _joined(request: Request, node: Node, identity: Identity) -> StoredChannel:
    stored = await readable(request, node, identity)
    if stored.member(identity.user_id) is None:
        raise unknown(stored.channel.id)
    return stored
