"""Dead letters: entries that the fold refused. For admins."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from app.audited import audited
from app.http import ApiError, Json, number
from app.payloads import parse_position
from app.routes.admin import admin


async def listed(request: Request) -> Response:
    """Dead letters, the oldest first, without their payloads."""
    node, _identity = await admin(request)
    after = parse_position(request.query_params.get("after"))
    return Json(
        await node.desk.letters.page(None if after is None else str(after), number(request, "limit", 100, 1, 100))
    )


async def read(request: Request) -> Response:
    """One dead letter with its payload, unless that is personal."""
    node, identity = await admin(request)
    letter = await node.desk.letters.open(request.path_params["letter_id"])
    if letter is None:
        raise _gone()
    if not await node.access.may_list(identity, letter.room):
        letter = replace(letter, data=None, withheld=True)
    return Json(letter)


async def retry(request: Request) -> Response:
    """Append the entry once more, for the fold only: clients had it. If the fold refuses it again it is parked anew."""
    node, identity = await admin(request)
    letter_id: str = request.path_params["letter_id"]
    async with audited(node.desk.audit, identity, "deadletter.retry", letter_id):
        retried = await node.desk.letters.retry(letter_id, node.appender)
        if retried is None:
            raise _gone()
    return Json(retried)


async def drop(request: Request) -> Response:
    """Forget a dead letter for good: its entry is never folded."""
    node, identity = await admin(request)
    letter_id: str = request.path_params["letter_id"]
    async with audited(node.desk.audit, identity, "deadletter.drop", letter_id):
        if not await node.desk.letters.drop(letter_id):
            raise _gone()
    return Json({})


def _gone() -> ApiError:
    return ApiError(404, "not_found", "there is no such dead letter: it was retried or dropped")
