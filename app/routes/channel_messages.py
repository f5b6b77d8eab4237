"""The messages of channels: read, post, edit, pin, delete, react; and webhooks that post."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.channel_payloads import MessageUpdate, NewMessage, Pin, ReactionBody, WebhookMessage
from app.drafts import Actor, Change, Draft, NoMessage, NotYours, Written
from app.http import ApiError, Json, acknowledge, identify, node_of, number, once_in, once_of, read_body
from app.routes.channels import actor_of, may_manage, readable, writable
from archive.channel import CHANNEL_ROOM, ChannelMessage, StoredChannel
from archive.channel_view import MessageView, Select
from archive.shapes import JsonObject

B = TypeVar("B", bound=BaseModel)

PINNED = 20
"""Pinned messages of one page, as Open WebUI has it."""


class Nothing(BaseModel):
    """No body."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[B]):
    """Who asks for a change, in which channel, with what."""

    identity: Identity
    stored: StoredChannel
    body: B


async def page(request: Request) -> Response:
    """A channel's messages without those of threads, the newest first."""
    node, identity = node_of(request), await identify(request)
    stored = await readable(request, node, identity)
    view = await node.channels.view(_window(request, stored, None))
    return _listed(view, view.page())


async def pinned(request: Request) -> Response:
    """A channel's pinned messages, those of threads too, the newest first."""
    node, identity = node_of(request), await identify(request)
    stored = await readable(request, node, identity)
    skip = (number(request, "page", 1, 1, 1_000_000) - 1) * PINNED
    view = await node.channels.view(Select(stored.channel.id, skip=skip, limit=PINNED, pinned=True))
    return _listed(view, view.page())


async def read(request: Request) -> Response:
    """One message."""
    node, identity = node_of(request), await identify(request)
    stored = await readable(request, node, identity)
    try:
        return Json(await node.messages.read(stored.channel.id, request.path_params["message_id"]))
    except NoMessage as fault:
        raise _no_message() from fault


async def thread(request: Request) -> Response:
    """A thread's messages, the newest first; its parent stands behind the oldest."""
    node, identity = node_of(request), await identify(request)
    stored = await readable(request, node, identity)
    select = _window(request, stored, request.path_params["message_id"])
    view = await node.channels.view(select)
    parent = view.message(request.path_params["message_id"])
    if parent is None:
        raise _no_message()
    found = view.page()
    return _listed(view, [*found, parent] if len(found) < select.limit else found)


def _window(request: Request, stored: StoredChannel, parent_id: str | None) -> Select:
    touched = frozenset() if parent_id is None else frozenset({parent_id})
    skip, limit = number(request, "skip", 0, 0, 10**9), number(request, "limit", 50, 1, 500)
    return Select(stored.channel.id, touched, parent_id, skip, limit)


def _listed(view: MessageView, messages: list[ChannelMessage]) -> Response:
    """The messages as a list, as Open WebUI's page wants it; the position that it is complete up to in a header."""
    answer = Json([view.wire(message) for message in messages])
    answer.headers["Roomlog-Position"] = str(view.position)
    return answer


async def post(request: Request) -> Response:
    """Post a message; answers it with its position when the log (or, with ack=sql, the database) has it."""
    node, identity = node_of(request), await identify(request)
    stored = await writable(request, node, identity)
    body = await read_body(request, NewMessage)
    draft = Draft(identity.user_id, body.content, body.parent_id, body.reply_to_id, body.data, body.meta, body.temp_id)
    try:
        written = await node.messages.post(stored, actor_of(identity), draft, once_of(request, identity, body))
    except NoMessage as fault:
        raise _no_message() from fault
    return await _answer(request, stored, written)


async def update(request: Request) -> Response:
    """Edit a message; for its author, and for admins."""

    def change(asked: Asked[MessageUpdate]) -> Change:
        patch: JsonObject = {**asked.body.model_dump(exclude_none=True), "updated_at": time.time_ns()}
        admin = asked.identity.role == "admin"
        return Change("message:update", {}, patch, lambda m: admin or m.user_id == asked.identity.user_id)

    return await _change(request, MessageUpdate, change)


async def pin(request: Request) -> Response:
    """Pin a message, or take the pin out; for every member."""

    def change(asked: Asked[Pin]) -> Change:
        pinned = asked.body.is_pinned
        by, at = (asked.identity.user_id, time.time_ns()) if pinned else (None, 0)
        return Change("message:update", {}, {"is_pinned": pinned, "pinned_by": by, "pinned_at": at})

    return await _change(request, Pin, change)


async def delete(request: Request) -> Response:
    """Delete a message; for its author, the channel's owners, and admins."""

    def change(asked: Asked[Nothing]) -> Change:
        managing = may_manage(asked.identity, asked.stored)
        return Change("message:delete", {}, may=lambda m: managing or m.user_id == asked.identity.user_id)

    await _change(request, Nothing, change)
    return Json(True)


async def react(request: Request) -> Response:
    """Add the asking user's reaction to a message."""

    def change(asked: Asked[ReactionBody]) -> Change:
        return Change("message:reaction:add", {"name": asked.body.name, "reacted_at": time.time_ns()})

    await _change(request, ReactionBody, change)
    return Json(True)


async def unreact(request: Request) -> Response:
    """Take the asking user's reaction back."""

    def change(asked: Asked[ReactionBody]) -> Change:
        return Change("message:reaction:remove", {"name": asked.body.name})

    await _change(request, ReactionBody, change)
    return Json(True)


async def webhook(request: Request) -> Response:
    """Post as a webhook: its id and token in the path are all that it needs."""
    node = node_of(request)
    webhook_id: str = request.path_params["webhook_id"]
    channel_id = webhook_id.rpartition(".")[0]
    stored = await node.channels.get(channel_id) if channel_id else None
    found = stored.webhook(webhook_id) if stored is not None else None
    token = request.path_params["token"].encode()
    if stored is None or found is None or not secrets.compare_digest(token, found.token.encode()):
        raise ApiError(404, "not_found", "there is no such webhook")
    body = await read_body(request, WebhookMessage)
    actor = Actor(found.id, found.name, "webhook")
    draft = Draft(found.user_id, body.content, meta={"webhook": {"id": found.id, "name": found.name}})
    written = await node.messages.post(stored, actor, draft, once_in(request, f"webhook:{webhook_id}", body))
    await acknowledge(request, CHANNEL_ROOM + channel_id, written.appended)
    return Json({"success": True, "message_id": written.message["id"]})


async def _change(request: Request, kind: type[B], change: Callable[[Asked[B]], Change]) -> Response:
    """Make a change of the path's message, for those who may post. Raises ApiError 403 and 404."""
    node, identity = node_of(request), await identify(request)
    stored = await writable(request, node, identity)
    asked = Asked(identity, stored, await read_body(request, kind))
    message_id: str = request.path_params["message_id"]
    try:
        written = await node.messages.change(stored, message_id, actor_of(identity), change(asked))
    except NoMessage as fault:
        raise _no_message() from fault
    except NotYours as fault:
        raise ApiError(403, "forbidden", "the message is somebody else's") from fault
    return await _answer(request, stored, written)


async def _answer(request: Request, stored: StoredChannel, written: Written) -> Response:
    await acknowledge(request, CHANNEL_ROOM + stored.channel.id, written.appended)
    return Json({**written.message, "position": str(written.appended.position)})


def _no_message() -> ApiError:
    return ApiError(404, "not_found", "there is no such message for you")
