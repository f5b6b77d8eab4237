"""Tags, as the page asks for them when it loads a chat and when it is told new ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.http import Json, identify, node_of
from app.routes.chats import unknown_chat


async def of_chat(request: Request) -> Response:
    """The tags of a chat."""
    node, identity = node_of(request), await identify(request)
    chat_id = request.path_params["chat_id"]
    found = await node.chats.get(chat_id) if await node.access.may_read_chat(identity, chat_id) else None
    if found is None:
        raise unknown_chat(chat_id)
    return Json(_wire(found[0].user_id, found[0].tags))


async def of_user(request: Request) -> Response:
    """Every tag of the asking user's chats, once."""
    node, identity = node_of(request), await identify(request)
    return Json(_wire(identity.user_id, await node.chats.tags_of(identity.user_id)))


def _wire(user_id: str, tags: Iterable[Any]) -> list[dict[str, Any]]:
    return [{"id": str(tag).replace(" ", "_").lower(), "name": tag, "user_id": user_id} for tag in tags]
