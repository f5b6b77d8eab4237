"""The edge in front of Engine.IO: what is no packet, or too large, is answered here, in words.

python-engineio ends a websocket with a stack trace on such frames, answers 200 to such request bodies, and lets a
request that is too large wait for ever. Frames: https://socket.io/docs/v4/engine-io-protocol/
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

from starlette.types import Message, Receive, Scope, Send

from app import metrics
from app.http import ApiError, error_response

SEPARATOR = b"\x1e"
FROM_WEBSOCKET = frozenset("12345")  # close, ping (probe), pong, message, upgrade
FROM_POLLING = frozenset("134")

PROTOCOL_ERROR = 1002
TOO_BIG = 1009


async def guarded(
    handle: Callable[[Scope, Receive, Send], Awaitable[object]], limit: int, scope: Scope, receive: Receive, send: Send
) -> None:
    """Pass a request on to Engine.IO, unless it is malformed. limit: bytes of a frame or of a request's body."""
    if scope["type"] == "websocket":
        await handle(scope, _frames(receive, send, limit), send)
    elif scope["method"] == "POST":
        await _post(handle, limit, scope, receive, send)
    else:
        await handle(scope, receive, send)


def _frames(receive: Receive, send: Send, limit: int) -> Receive:
    """`receive` that closes the websocket with a reason where a frame is malformed."""

    async def checked() -> Message:
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        frame = message.get("bytes")
        if frame is None:
            frame = message["text"]
            if frame[:1] not in FROM_WEBSOCKET:
                return await _closed(send, PROTOCOL_ERROR, "malformed Engine.IO packet")
        if len(frame) > limit:
            return await _closed(send, TOO_BIG, f"a message may have {limit} bytes")
        return message

    return checked


async def _closed(send: Send, code: int, reason: str) -> Message:
    metrics.BAD_INPUT.inc()
    await send({"type": "websocket.close", "code": code, "reason": reason})
    return {"type": "websocket.disconnect", "code": code}


async def _post(
    handle: Callable[[Scope, Receive, Send], Awaitable[object]], limit: int, scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        body = await _body(scope, receive, limit)
        if body and not all(map(_is_packet, body.split(SEPARATOR))):
            raise ApiError(400, "bad_request", "malformed Engine.IO packet")
    except ApiError as fault:
        metrics.BAD_INPUT.inc()
        await error_response(fault)(scope, receive, send)
        return
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    headers.append((b"content-length", str(len(body)).encode()))
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pending.pop() if pending else await receive()

    await handle({**scope, "headers": headers}, again, send)


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The request's body. Raises ApiError 413 before it reads more than the limit."""
    announced = int(dict(scope["headers"]).get(b"content-length", b"0"))  # the HTTP server has checked its form
    body, more = bytearray(), True
    while more and max(announced, len(body)) <= limit:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if max(announced, len(body)) > limit:
        raise ApiError(413, "too_large", f"a message may have {limit} bytes")
    return bytes(body)


def _is_packet(frame: bytes) -> bool:
    """Whether this is a packet that a client may send by polling: text in UTF-8, or `b` and base64."""
    try:
        if frame[:1] == b"b":
            base64.b64decode(frame[1:], validate=True)
            return True
        return frame.decode()[:1] in FROM_POLLING
    except (binascii.Error, UnicodeDecodeError):
        return False
