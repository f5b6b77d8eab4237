"""A room's log over HTTP: list it, follow it, publish to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.auth import Identity
from app.batches import append_all, positions, read_events
from app.follow import Follower, Followers
from app.http import ApiError, Json, identify, node_of, number, once_of
from app.manager import ROOM_KINDS
from app.node import Node
from app.packets import with_base64
from app.payloads import BadPayload, RoomEvent, parse_position
from streams.append import Appended, Once
from streams.entry import Entry, Position
from streams.replay import Gap


async def _room(request: Request, node: Node, identity: Identity) -> str:
    """The room of the path, if the asking user may read it. Raises ApiError 404."""
    room: str = request.path_params["room"]
    if not room.startswith(ROOM_KINDS) or not await node.access.may_list(identity, room):
        raise ApiError(404, "not_found", f"there is no room {room[:100]} for you")
    return room


async def events(request: Request) -> Response:
    """What was appended after a position, oldest first. Without `after`: from the oldest that is kept."""
    node, identity = node_of(request), await identify(request)
    room = await _room(request, node, identity)
    limit = number(request, "limit", 100, 1, 1000)
    after = parse_position(request.query_params.get("after"))
    until = await node.reader.position()
    if after is not None and after > until:
        raise _gone(room, until)  # nobody gave this position out
    whole = after is None or after == Position.ZERO
    start = await node.reader.oldest(room) if whole or after is None else after
    page = await node.reader.page({room: start}, until, limit=limit, vouch=not whole)
    if isinstance(page, Gap):
        raise _gone(room, until)
    entries = page.entries[:limit]
    upto = entries[-1].position if len(page.entries) > limit else page.upto
    body = [
        {"position": str(e.position), "event": e.event, "data": orjson.Fragment(with_base64(e.data, e.binary))}
        for e in entries
        if not e.quiet
    ]
    return Json({"room": room, "events": body, "next": str(upto), "complete": upto >= until})


def _gone(room: str, position: Position) -> ApiError:
    """What is no longer in the log: where the state is instead."""
    kind, _, name = room.partition(":")
    snapshots = {
        "chat": f"/api/v1/chats/{name}",
        "channel": f"/api/v1/channels/{name}/messages",
        "note": f"/api/v1/notes/{name}",
        "doc_note": f"/api/v1/notes/{name}",
    }
    snapshot = snapshots.get(kind)
    detail = "the log no longer has everything after this position; read the snapshot"
    return ApiError(410, "gone", detail, error=detail, snapshot=snapshot, position=str(position))


async def stream(request: Request) -> Response:
    """The same as Server-Sent Events (https://html.spec.whatwg.org/#server-sent-events), and on and on.

    Without a position: from now on. With position 0-0: from the oldest that is kept.
    """
    node, identity = node_of(request), await identify(request)
    room = await _room(request, node, identity)

    async def allowed() -> None:
        await _room(request, node, await identify(request))

    return await follow(request, identity, room, allowed, _as_it_is)


def _as_it_is(entry: Entry) -> Entry:
    return entry


async def follow(
    request: Request,
    identity: Identity,
    room: str,
    allowed: Callable[[], Awaitable[None]],
    shown: Callable[[Entry], Entry],
) -> Response:
    """Follow a room from where the request says. allowed: raises when the bearer may not. shown: an entry as sent.

    Raises ApiError 410 when the log no longer has all that follows.
    """
    node = node_of(request)
    given = request.headers.get("last-event-id") or request.query_params.get("after")
    after = parse_position(given)
    if after is not None and after > await node.reader.position():
        raise _gone(room, node.hub.position)  # nobody gave this position out
    kept = None
    if after == Position.ZERO:
        after = node.hub.position
        kept = _kept(node, room, after)
    followers = node.orders.followers
    follower = Follower(node.hub, room, node.hub.position if after is None else after)
    followers.add(follower, identity, room)
    try:
        await allowed()  # again: it may have been taken away before it was known
        if after is not None:
            page = await node.reader.page({room: after}, max(after, node.hub.position), limit=1)
            if isinstance(page, Gap):
                raise _gone(room, node.hub.position)
    except BaseException:
        followers.close(follower)
        raise
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    events = _events(kept, follower, followers, shown)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _kept(node: Node, room: str, until: Position) -> AsyncIterator[Entry]:
    """What the room still has up to a position. Ends early when it is trimmed meanwhile: the client comes back, and is
    told."""
    at = await node.reader.oldest(room)
    while at < until:
        page = await node.reader.page({room: at}, until, vouch=False)
        if isinstance(page, Gap):
            return
        for entry in page.entries:
            if not entry.quiet:
                yield entry
        at = page.upto


async def _events(
    kept: AsyncIterator[Entry] | None,
    follower: Follower,
    followers: Followers,
    shown: Callable[[Entry], Entry],
) -> AsyncIterator[bytes]:
    try:
        yield b": following\n\n"
        if kept is not None:
            async for entry in kept:
                yield _event(shown(entry))
        async for one in follower.entries():
            yield b": still here\n\n" if one is None else _event(shown(one))
    finally:
        followers.close(follower)


def _event(entry: Entry) -> bytes:
    name = entry.event.replace("\n", " ").replace("\r", " ").encode()
    data = with_base64(entry.data, entry.binary).replace(b"\r", b"").replace(b"\n", b"\ndata: ")
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(entry.position).encode(), name, data)


async def publish(request: Request) -> Response:
    """Publish an event, or a list of events, to a room, durable or not. For services and admins."""
    node, identity = node_of(request), await identify(request)
    if not identity.may_serve:
        raise ApiError(403, "forbidden", "only services may publish")
    room: str = request.path_params["room"]
    if not room.startswith(ROOM_KINDS) or room.endswith(":"):
        raise BadPayload(f"room: one of {', '.join(kind + '{id}' for kind in ROOM_KINDS)}")
    body, once = await read_events(request, RoomEvent), once_of(request, identity)

    def append(event: RoomEvent, key: Once | None) -> Awaitable[Appended | None]:
        return node.emitter.publish(room, event.event, event.data, event.durable, key)

    if isinstance(body, list):
        return Json({"positions": positions(await append_all(body, once, append))})
    return Json({"position": positions([await append(body, once)])[0]})
