"""The list of notes as the page shows it: found by a word, in an order, a page at a time."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.http import Json, choice, identify, node_of, number
from app.notes import note_wire
from archive.notes import Note, StoredNote
from archive.users import User

PAGE = 60


async def search(request: Request) -> Response:
    """Those of the notes that the asking user may read whose title or text has the query's word, with their owners."""
    node, identity = node_of(request), await identify(request)
    whose = choice(request, "view_option", "", "created", "shared")
    order = choice(request, "order_by", "updated_at", "created_at", "title")
    upwards = choice(request, "direction", "desc", "asc") == "asc"
    first = (number(request, "page", 1, 1, 1_000_000) - 1) * PAGE
    word = request.query_params.get("query", "").casefold()
    found = [
        stored
        for stored in await node.notes.list_of(identity.user_id)
        if whose in ("", "created" if _is_of(stored, identity.user_id) else "shared")
        and (not word or word in _text(stored.note))
    ]
    found.sort(key=lambda stored: _place(stored.note, order), reverse=not upwards)
    shown = found[first : first + PAGE]
    owners = await node.archive.users(sorted({stored.note.user_id for stored in shown}))
    return Json({"items": [_line(stored, owners.get(stored.note.user_id)) for stored in shown], "total": len(found)})


def _line(stored: StoredNote, owner: User | None) -> dict[str, Any]:
    user = {"id": stored.note.user_id, "name": owner.name if owner else ""}
    return note_wire(stored) | {"user": user, "is_pinned": False}


def _is_of(stored: StoredNote, user_id: str) -> bool:
    return stored.note.user_id == user_id


def _text(note: Note) -> str:
    content = note.data.get("content") if isinstance(note.data, dict) else None
    text = content.get("md") if isinstance(content, dict) else None
    return f"{note.title}\n{text if isinstance(text, str) else ''}".casefold()


def _place(note: Note, order: str) -> tuple[str, int]:
    if order == "title":
        return note.title.casefold(), note.updated_at
    return "", note.created_at if order == "created_at" else note.updated_at
