"""Chat completions: into a message of a chat, or straight to the caller."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Iterable

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
from archive.chat import StoredChat
from registry.tasks import is_page_only
from streams.errors import LogError


async def complete(request: Request) -> Response:
    """Answer messages of a chat as tasks, and answer their ids at once; without a chat: OpenAI's own answer."""
    node, identity = node_of(request), await identify(request)
    if node.drain.begun:
        raise going_away()
    body = await read_body(request, CompletionRequest)
    session = await check_own_session(node.pool, identity.user_id, body.session_id)
    if body.chat_id is None and not body.begins_chat:
        return await _plain(node.providers.of(identity.user_id, body), body)
    owner, chat_id = await _place(node, identity, body.chat_id)
    asker = session.sid if session is not None else ""
    chat = StoredChat.empty(chat_id, owner) if body.begins_chat else await _known(node, chat_id)
    answers = body.model_copy(update={"chat_id": chat_id}).each()
    turns = [turn_of(chat, str(answer.id), answer) for answer in answers]
    if body.begins_chat:
        await node.owners.claim(chat_id, owner)
    starts = (
        node.completions.start(owner, chat_id, str(answer.id), turn, node.providers.of(identity.user_id, answer), asker)
        for answer, turn in zip(answers, turns, strict=True)
    )
    try:
        task_ids = await _all_started(node, starts)
    except TooBusy as fault:
        raise ApiError(429, "busy", str(fault), retryable=True) from fault
    return Json({"status": True, "task_ids": task_ids, "chat_id": chat_id, "id": answers[0].id})


async def _all_started(node: Node, starts: Iterable[Awaitable[str]]) -> list[str]:
    """The tasks of the answers, begun one after another. When one does not begin, those before it are stopped:
    their ids would be lost with the error. Raises as `Completions.start`."""
    task_ids: list[str] = []
    try:
        for start in starts:
            task_ids.append(await start)  # noqa: PERF401  # those so far are wanted when one fails
    except (TooBusy, LogError):
        for task_id in task_ids:
            node.tasks.obey(task_id)  # they are this node's, and what failed may be the log that orders go through
        raise
    return task_ids


async def _known(node: Node, chat_id: str) -> StoredChat | None:
    """The chat, where there is more than a page that knows it."""
    found = None if is_page_only(chat_id) else await node.chats.get(chat_id)
    return found[0] if found else None


async def completed(request: Request) -> Response:
    """What the page of the older generation says behind an answer; answered as it came: no filter changes it here."""
    await identify(request)
    body = await read_body(request, Completed)
    return Json(body.model_dump())


async def _place(node: Node, identity: Identity, chat_id: str | None) -> tuple[str, str]:
    """Whose room the answers go to, and the chat; a new id, of which the first turn makes a chat, where none is named.

    Raises ApiError 404 for a chat that the asking user may not write to.
    """
    if chat_id is None:
        return identity.user_id, str(uuid.uuid4())
    if is_page_only(chat_id):
        return identity.user_id, chat_id
    owner = await node.access.chat_to_write(identity, chat_id)
    if owner is None:
        raise ApiError(404, "not_found", f"there is no chat {chat_id[:100]} for you")
    return owner, chat_id


async def _plain(upstream: Upstream, body: CompletionRequest) -> Response:
    try:
        if not body.stream:
            return Json(await plain.whole(upstream, body))
        lines = await plain.started(upstream, body)
    except ProviderError as fault:
        raise ApiError(502, "provider_error", str(fault), retryable=True) from fault
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)
