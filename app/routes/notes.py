"""Notes: their text as a whole, their title, and who may read them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.documents.contents import made_with
from app.http import ApiError, Json, acknowledge, identify, node_of, once_of, read_body
from app.node import Node
from app.notes import note_wire
from app.payloads import AccessGrants, NewNote, NoteUpdate
from app.routes.chat_access import grants_wire
from archive.notes import NOTE_ROOM, StoredNote


async def create(request: Request) -> Response:
    """Create a note of the asking user."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, NewNote)
    once = once_of(request, identity, body)
    made = await node.note_writes.create(identity.user_id, body.model_dump(), once)
    assert made.note is not None
    await acknowledge(request, NOTE_ROOM + made.note.note.id, made.appended)
    return Json(_wire(made.note, identity))


async def listed(request: Request) -> Response:
    """The notes that the asking user may read, the last updated first."""
    node, identity = node_of(request), await identify(request)
    return Json([_wire(note, identity) for note in await node.notes.list_of(identity.user_id)])


async def read(request: Request) -> Response:
    """A note with its newest content, and the position that it is complete up to."""
    node, identity = node_of(request), await identify(request)
    stored = await _note(request, node, identity, "read")
    content = await node.contents.newest(stored.note.id, made_with(stored.note.data))
    if content is None:
        return Json(_wire(stored, identity))
    data = stored.note.data if isinstance(stored.note.data, dict) else {}
    return Json(_wire(stored, identity) | {"data": data | {"content": content}})


async def update(request: Request) -> Response:
    """Change a note's title, or keys of its data and meta; its readers are shown what is new."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, NoteUpdate)
    stored = await _note(request, node, identity, "write")
    once = once_of(request, identity, body)
    written = await node.note_writes.update(stored, body.model_dump(exclude_unset=True), once)
    await acknowledge(request, NOTE_ROOM + stored.note.id, written.appended)
    if written.note is None:
        raise _unknown(stored.note.id)
    return Json(_wire(written.note, identity))


async def share(request: Request) -> Response:
    """Give these users access to a note, and nobody else; whose access is taken away is out when this answers."""
    node, identity = node_of(request), await identify(request)
    body = await read_body(request, AccessGrants)
    stored = await _note(request, node, identity, "own")
    room = NOTE_ROOM + stored.note.id
    await acknowledge(request, room, await node.note_writes.share(stored, body.wanted))
    return Json(grants_wire(await node.grants.of(room, room)))


async def delete(request: Request) -> Response:
    """Delete a note: nobody can read it, or be in its room, when this answers. For its owner, and admins."""
    node, identity = node_of(request), await identify(request)
    stored = await _note(request, node, identity, "own")
    await acknowledge(request, NOTE_ROOM + stored.note.id, await node.note_writes.delete(stored))
    return Json({"status": True})


async def _note(request: Request, node: Node, identity: Identity, wanted: str) -> StoredNote:
    """The note of the path. wanted: "read", "write", or "own". Raises ApiError 404 for who may not."""
    note_id: str = request.path_params["note_id"]
    stored = await node.notes.get(note_id) if len(note_id) <= 256 and note_id.isprintable() else None
    if stored is None or wanted not in _may(stored, identity):
        raise _unknown(note_id)
    return stored


def _may(stored: StoredNote, identity: Identity) -> tuple[str, ...]:
    if identity.role == "admin" or stored.note.user_id == identity.user_id:
        return ("read", "write", "own")
    return {"write": ("read", "write"), "read": ("read",), "": ()}[stored.permission(identity.user_id)]


def _wire(stored: StoredNote, identity: Identity) -> dict[str, Any]:
    may = _may(stored, identity)
    wire = note_wire(stored) | {"write_access": "write" in may, "position": str(stored.position)}
    if "own" in may:
        given = {grant.user_id: grant.permission for grant in stored.grants.values()}
        wire["access_grants"] = grants_wire(given)["grants"]
    return wire


def _unknown(note_id: str) -> ApiError:
    """The same answer for a note that is not there and one that is somebody else's: nothing leaks."""
    return ApiError(404, "not_found", f"there is no note {note_id[:100]} for you")
