"""Webhooks of channels: ways in for programs. For the channel's owners, and admins."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.channel_payloads import NewWebhook
from app.http import ApiError, Json, acknowledge, identify, node_of, read_body
from app.routes.channels import actor_of, managed
from archive.channel import CHANNEL_ROOM, Webhook


async def listed(request: Request) -> Response:
    """A channel's webhooks, with their tokens."""
    node, identity = node_of(request), await identify(request)
    stored = await managed(request, node, identity)
    return Json([_webhook(webhook) for webhook in stored.webhooks.values()])


async def add(request: Request) -> Response:
    """Make a webhook: whoever knows its id and token may post."""
    node, identity = node_of(request), await identify(request)
    stored = await managed(request, node, identity)
    body = await read_body(request, NewWebhook)
    webhook, appended = await node.memberships.add_webhook(stored, actor_of(identity), body.name)
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(_webhook(webhook))


async def remove(request: Request) -> Response:
    """Close a webhook."""
    node, identity = node_of(request), await identify(request)
    stored = await managed(request, node, identity)
    webhook_id: str = request.path_params["webhook_id"]
    if stored.webhook(webhook_id) is None:
        raise ApiError(404, "not_found", "there is no such webhook")
    appended = await node.memberships.remove_webhook(stored, actor_of(identity), webhook_id)
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, appended)
    return Json(True)


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "channel_id": webhook.channel_id,
        "user_id": webhook.user_id,
        "name": webhook.name,
        "token": webhook.token,
        "created_at": webhook.created_at,
    }
