"""Who else may read or write a chat, and the chats of others that one may."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from app.http import Json, acknowledge, identify, node_of, number, read_body
from app.payloads import AccessGrants
from app.routes.chats import owned_chat


async def read(request: Request) -> Response:
    """Whom the owner gave access to a chat. For its owner, and admins."""
    node, identity = node_of(request), await identify(request)
    chat_id, owner = await owned_chat(request, node, identity)
    return Json(grants_wire(await node.grants.of(f"chat:{chat_id}", f"user:{owner}")))


async def shared_with_me(request: Request) -> Response:
    """The chats of others that the asking user may read, the last updated first, with what is unread in them."""
    node, identity = node_of(request), await identify(request)
    page, limit = number(request, "page", 1, 1, 1_000_000), number(request, "limit", 60, 1, 500)
    lines = await node.shared_chats.list_of(identity.user_id)
    wanted = lines[(page - 1) * limit : page * limit]
    return Json([asdict(line.summary) | {"user_id": line.owner, "permission": line.permission} for line in wanted])


async def replace(request: Request) -> Response:
    """Give these users access to a chat, and nobody else; whose access is taken away is out when this answers."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, AccessGrants)
    chat_id, owner = await owned_chat(request, node, identity)
    appended = await node.chat_writes.share(chat_id, owner, body.wanted)
    await acknowledge(request, f"user:{owner}", appended)
    return Json(grants_wire(await node.grants.of(f"chat:{chat_id}", f"user:{owner}")))


def grants_wire(grants: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    return {"grants": [{"user_id": user_id, "permission": word} for user_id, word in sorted(grants.items())]}
