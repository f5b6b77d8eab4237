"""Chat completions: into a message of a chat, or straight to the caller."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.auth import Identity
from app.completions import plain
from app.completions.pieces import ProviderError
from app.completions.request import Completed, CompletionRequest
from app.completions.service import TooBusy
from app.completions.turn import turn_of
from app.completions.upstream import Upstream
from app.http import ApiError, Json, identify, node_of, read_body
from app.leaving import going_away
from app.node import Node
from app.own_session import check_own_session
from registry.tasks import is_page_only


async def complete(request: Request) -> Response:
    """Answer a chat's message as a task, and answer its id at once; without `chat_id`: OpenAI's own answer."""
    node, identity = node_of(request), await identify(request)
    if node.drain.begun:
        raise going_away()
    body = await read_body(request, CompletionRequest)
    session = await check_own_session(node.pool, identity.user_id, body.session_id)
    upstream = node.providers.of(identity.user_id, body)
    if body.chat_id is None:
        return await _plain(upstream, body)
    owner = await _owner(node, identity, body.chat_id)
    message_id = body.id or str(uuid.uuid4())
    found = None if is_page_only(body.chat_id) else await node.chats.get(body.chat_id)
    turn = turn_of(found[0] if found else None, message_id, body)
    asker = session.sid if session is not None else ""
    try:
        task_id = await node.completions.start(owner, body.chat_id, message_id, turn, upstream, asker)
    except TooBusy as fault:
        raise ApiError(429, "busy", str(fault), retryable=True) from fault
    return Json({"status": True, "task_ids": [task_id], "chat_id": body.chat_id, "id": message_id})


async def completed(request: Request) -> Response:
    """What the page of the older generation says behind an answer; answered as it came: no filter changes it here."""
    await identify(request)
    body = await read_body(request, Completed)
    return Json(body.model_dump())


async def _owner(node: Node, identity: Identity, chat_id: str) -> str:
    """Whose room the answer goes to. Raises ApiError 404 for a chat that the asking user may not write to."""
    if is_page_only(chat_id):
        return identity.user_id
    owner = await node.access.chat_to_write(identity, chat_id)
    if owner is None:
        raise ApiError(404, "not_found", f"there is no chat {chat_id[:100]} for you")
    return owner


async def _plain(upstream: Upstream, body: CompletionRequest) -> Response:
    try:
        if not body.stream:
            return Json(await plain.whole(upstream, body))
        lines = await plain.started(upstream, body)
    except ProviderError as fault:
        raise ApiError(502, "provider_error", str(fault), retryable=True) from fault
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)
