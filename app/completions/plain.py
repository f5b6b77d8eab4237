"""A completion that is nobody's message: answered to the caller as OpenAI's API does, streamed or whole.

Formats: https://platform.openai.com/docs/api-reference/chat. It ends when the caller leaves.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson

from app.completions.output import Output
from app.completions.pieces import Finish, Piece, ProviderError, Reasoning, Text, ToolCall, Usage
from app.completions.request import CompletionRequest
from app.completions.upstream import Upstream


async def whole(upstream: Upstream, request: CompletionRequest) -> dict[str, Any]:
    """The completion as one object. Raises ProviderError."""
    head = _head(request, "chat.completion")
    output = Output(head["id"])
    async with aclosing(upstream.answer(request.for_provider())) as pieces:
        async for piece in pieces:
            output.take([piece])
    message: dict[str, Any] = {"role": "assistant", "content": output.text("message") or None}
    if reasoning := output.text("reasoning"):
        message["reasoning_content"] = reasoning
    if calls := output.calls():
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": output.finish or "stop"}
    return head | {"choices": [choice], "usage": output.usage}


async def started(upstream: Upstream, request: CompletionRequest) -> AsyncGenerator[bytes, None]:
    """The completion as Server-Sent Events. Raises ProviderError when it does not even begin."""
    pieces = upstream.answer(request.for_provider())
    try:
        first = await anext(pieces, None)
    except BaseException:
        await pieces.aclose()
        raise
    return _lines(_head(request, "chat.completion.chunk"), first, pieces)


async def _lines(
    head: dict[str, Any], first: Piece | None, pieces: AsyncGenerator[Piece, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        try:
            piece = first
            while piece is not None:
                if chunk := _chunk(piece):
                    yield _line(head | chunk)
                piece = await anext(pieces, None)
        except ProviderError as fault:
            yield _line({"error": {"message": str(fault), "type": "provider_error"}})
        yield b"data: [DONE]\n\n"


def _line(value: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % orjson.dumps(value)


def _head(request: CompletionRequest, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": request.model}


def _chunk(piece: Piece) -> dict[str, Any] | None:
    match piece:
        case Text():
            return _choice({"content": piece.text})
        case Reasoning():
            return _choice({"reasoning_content": piece.text})
        case ToolCall():
            function = {"name": piece.name, "arguments": piece.arguments}
            call: dict[str, Any] = {"index": piece.index, "function": {k: v for k, v in function.items() if v}}
            return _choice({"tool_calls": [call | ({"id": piece.id, "type": "function"} if piece.id else {})]})
        case Finish():
            return _choice({}, piece.reason) if piece.reason else None
        case Usage():
            return {"choices": [], "usage": piece.usage}


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
