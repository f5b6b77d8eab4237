"""What a node that goes away answers: new clients are sent elsewhere, and connections are not kept."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.types import Message, Receive, Scope, Send

from app.http import ApiError, error_response


def going_away() -> ApiError:
    """Why nothing new begins here. Nothing was done: whoever asked may ask another node at once."""
    return ApiError(503, "draining", "this node is going away, another takes you: try again", retryable=True)


def is_new_client(scope: Scope) -> bool:
    """Whether a request to Engine.IO begins a session: one of a client that is here names it by its `sid`."""
    return "sid" not in parse_qs(scope["query_string"].decode("latin-1"))


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503, a WebSocket's handshake too: a load balancer then tries the next node, and so does a client."""
    await error_response(going_away())(scope, receive, send)


def unkept(send: Send) -> Send:
    """`send` of a request whose connection is closed behind the answer: whoever keeps it would meet a closed one."""

    async def closing(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return closing
