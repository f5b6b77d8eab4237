"""Chats and the events of their messages."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.batches import append_all, positions, read_events
from app.emitter import Target
from app.http import ApiError, Json, acknowledge, identify, node_of, number, once_of, read_body
from app.node import Node
from app.payloads import BadPayload, ChatUpdate, MessageContent, MessageEvent, NewChat
from archive.events import effect
from archive.shapes import BadShape
from streams.append import Appended, Once


async def create(request: Request) -> Response:
    """Create a chat of the asking user; answers it as GET does."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, NewChat)
    chat_id = str(uuid.uuid4())
    seed = _seed(body)
    await node.owners.claim(chat_id, identity.user_id)
    appended = await node.emitter.emit(Target(identity.user_id, chat_id, None), "chat:new", seed)
    await acknowledge(request, f"user:{identity.user_id}", appended)
    return Json(await node.chats.wire(chat_id))


def _seed(body: NewChat) -> dict[str, Any]:
    """What a new chat begins with; the page of Open WebUI sends title and history inside `chat`."""
    sent = body.chat or {}
    title = body.title or sent.get("title")
    history = sent.get("history") or {}
    if not isinstance(title, str | None) or not isinstance(history, dict):
        raise BadPayload("chat: title must be a string and history an object")
    seed = {"title": title or "New Chat", "messages": history.get("messages"), "currentId": history.get("currentId")}
    seed = {name: value for name, value in seed.items() if value}
    try:
        effect("chat:new", seed)  # what the fold will make of it
    except BadShape as fault:
        raise BadPayload(str(fault)) from fault
    return seed


async def read(request: Request) -> Response:
    """A chat with everything up to its `position`, folded or not."""
    node, identity = node_of(request), await identify(request)
    chat_id = request.path_params["chat_id"]
    if not await node.access.may_read_chat(identity, chat_id):
        raise unknown_chat(chat_id)
    await node.session_rooms.expect(identity, f"chat:{chat_id}")
    wire = await node.chats.wire(chat_id)
    if wire is None:
        raise unknown_chat(chat_id)
    return Json(wire)


async def listed(request: Request) -> Response:
    """The asking user's chats, the last updated first, with what is unread in them."""
    node, identity = node_of(request), await identify(request)
    page, limit = number(request, "page", 1, 1, 1_000_000), number(request, "limit", 60, 1, 500)
    lines = await node.chats.list_of(identity.user_id, (page - 1) * limit, limit)
    return Json([asdict(line) for line in lines])


async def update(request: Request) -> Response:
    """Merge what the page has of a chat into it; nothing newer is lost. Answers the chat."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, ChatUpdate)
    chat_id = request.path_params["chat_id"]
    owner = await _owner(node, identity, chat_id)
    found = await node.chats.get(chat_id)
    if found is None:
        raise unknown_chat(chat_id)
    appended = await node.chat_writes.update(found[0], body.chat)
    await acknowledge(request, f"user:{owner}", appended)
    return Json(await node.chats.wire(chat_id))


async def delete(request: Request) -> Response:
    """Delete a chat: nobody can read it, or be in its room, when this answers. For its owner, and admins."""
    node, identity = node_of(request), await identify(request)
    chat_id, owner = await owned_chat(request, node, identity)
    appended = await node.chat_writes.delete(chat_id, owner)
    await acknowledge(request, f"user:{owner}", appended)
    return Json({"status": True})


async def emit(request: Request) -> Response:
    """Emit an event of a message, or a list of events; answers positions when the log (with ack=sql: SQL) has them.

    For the chat's owner, admins and services."""
    node, identity = node_of(request), await identify(request)
    body = await read_events(request, MessageEvent)
    chat_id = request.path_params["chat_id"]
    owner = await node.access.chat_to_emit(identity, chat_id)
    if owner is None:
        raise unknown_chat(chat_id)
    target, once = _target(request, owner), once_of(request, identity)

    def append(event: MessageEvent, key: Once | None) -> Awaitable[Appended | None]:
        return node.emitter.emit(target, event.type, event.data, key)

    several = isinstance(body, list)
    places = await append_all(body, once, append) if isinstance(body, list) else [await append(body, once)]
    last = max((place for place in places if place is not None), key=lambda place: place.position, default=None)
    await acknowledge(request, f"user:{owner}", last)
    found = positions(places)
    return Json({"positions": found} if several else {"position": found[0]})


async def replace(request: Request) -> Response:
    """Set a message's content; answers the chat."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, MessageContent)
    owner = await _owner(node, identity, request.path_params["chat_id"])
    appended = await node.emitter.emit(
        _target(request, owner), "chat:message", {"content": body.content}, once_of(request, identity)
    )
    await acknowledge(request, f"user:{owner}", appended)
    return Json(await node.chats.wire(request.path_params["chat_id"]))


def _target(request: Request, owner: str) -> Target:
    message_id = request.path_params["message_id"]
    if not message_id.isprintable() or len(message_id) > 256:
        raise BadPayload("message id: at most 256 printable characters")
    return Target(owner, request.path_params["chat_id"], message_id)


async def _owner(node: Node, identity: Identity, chat_id: str) -> str:
    """The chat's owner, if the asking user may write to it. Raises ApiError 404."""
    owner = await node.access.chat_to_write(identity, chat_id)
    if owner is None:
        raise unknown_chat(chat_id)
    return owner


async def owned_chat(request: Request, node: Node, identity: Identity) -> tuple[str, str]:
    """The chat of the path and its owner, if the asking user may share or delete it. Raises ApiError 404."""
    chat_id: str = request.path_params["chat_id"]
    owner = await node.owners.of(chat_id)
    if owner is None or (owner != identity.user_id and identity.role != "admin"):
        raise unknown_chat(chat_id)
    return chat_id, owner


def unknown_chat(chat_id: str) -> ApiError:
    """The same answer for a chat that is not there and one that is somebody else's: nothing leaks."""
    return ApiError(404, "not_found", f"there is no chat {chat_id[:100]} for you")
