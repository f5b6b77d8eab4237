"""What all HTTP routes share: errors as `{detail, code, retryable}`, who asks, and reading a body."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import metrics
from app.auth import BadToken, Identity
from app.chats import ChatBusy
from app.own_session import NotYourSession
from app.payloads import BadPayload, parse
from archive.errors import ArchiveError
from archive.text import storable_json
from streams.append import Appended, Once
from streams.errors import EntryTooLarge, Fenced, KeyReused, LogUnavailable, RoomFull

if TYPE_CHECKING:
    from app.node import Node

RETRY_AFTER_S = "1"


class ApiError(Exception):
    """An answer that is not a success. status: the HTTP status. code: a word for programs."""

    def __init__(self, status: int, code: str, detail: str, *, retryable: bool = False, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"detail": detail, "code": code, "retryable": retryable, **extra}


class Json(Response):
    """A JSON answer, by orjson."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def error_response(error: ApiError) -> Json:
    headers = {"Retry-After": str(error.body.get("retry_after_s", RETRY_AFTER_S))} if error.body["retryable"] else None
    return Json(error.body, error.status, headers)


def translate(fault: Exception) -> ApiError:
    """The one table of which fault is which answer."""
    match fault:
        case ApiError():
            return fault
        case BadToken():
            return ApiError(401, "unauthorized", str(fault))
        case BadPayload():
            return ApiError(400, "bad_request", str(fault))
        case NotYourSession():
            return ApiError(403, "not_your_session", str(fault))
        case EntryTooLarge():
            return ApiError(413, "too_large", str(fault))
        case RoomFull():
            return ApiError(429, "room_full", str(fault), retryable=True)
        case KeyReused():
            return ApiError(422, "idempotency_key_reused", str(fault))
        case Fenced():
            return ApiError(409, "fenced", str(fault))
        case LogUnavailable():
            return ApiError(503, "log_unavailable", str(fault), retryable=True)
        case ArchiveError():
            return ApiError(503, "sql_unavailable", str(fault), retryable=True)
        case ChatBusy():
            return ApiError(503, "busy", str(fault), retryable=True)
        case HTTPException():
            return ApiError(fault.status_code, "not_found" if fault.status_code == 404 else "http", fault.detail)
    raise fault


async def handle_bug(_request: Request, _fault: Exception) -> Response:
    """A fault that nobody foresaw: the client is told no more than that; the server logs the traceback."""
    return error_response(ApiError(500, "internal", "the server failed, and has logged why"))


async def handle_error(_request: Request, fault: Exception) -> Response:
    return error_response(translate(fault))


FAULTS = (
    ApiError,
    BadToken,
    BadPayload,
    NotYourSession,
    EntryTooLarge,
    RoomFull,
    KeyReused,
    Fenced,
    LogUnavailable,
    ArchiveError,
    ChatBusy,
    HTTPException,
)
EXCEPTION_HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = dict.fromkeys(
    FAULTS, handle_error
) | {Exception: handle_bug}


def node_of(request: Request) -> Node:
    """The node that serves the request."""
    node: Node = request.app.state.node
    return node


def bearer_of(request: Request) -> str:
    """The bearer token of the request. Raises BadToken."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise BadToken("a bearer token is required")
    return token.strip()


async def identify(request: Request) -> Identity:
    """Who asks, by the bearer token. Raises BadToken."""
    try:
        return await node_of(request).gate.identify(bearer_of(request))
    except BadToken:
        metrics.REFUSED.labels("http").inc()
        raise


B = TypeVar("B", bound=BaseModel)


async def read_body(request: Request, kind: type[B]) -> B:
    """The JSON body, as `read_json` reads it. Raises as it does."""
    return parse(kind, await read_json(request))


async def read_json(request: Request) -> Any:
    """The JSON body, each NUL in it read as U+FFFD, as it will be stored: what is shown at once is what is read later.

    Raises BadPayload, and ApiError 413 above the size limit, before it is read whole.
    """
    limit = node_of(request).settings.max_message_bytes
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise ApiError(413, "too_large", f"a body may have {limit} bytes")
        chunks.append(chunk)
    try:
        value = orjson.loads(storable_json(b"".join(chunks)) or b"{}")
    except orjson.JSONDecodeError as fault:
        raise BadPayload(f"the body is not JSON: {fault.msg}") from fault
    if not _can_be_sent_on(value):
        raise BadPayload("the body is nested too deep")
    return value


def _can_be_sent_on(value: Any) -> bool:
    """False for what orjson reads and does not write: more than 254 levels, of which our envelopes take a few."""
    try:
        orjson.dumps([[[[value]]]])
    except TypeError:
        return False
    return True


def once_of(request: Request, identity: Identity, asked: BaseModel | None = None) -> Once | None:
    """The request's Idempotency-Key; it belongs to its user and route. asked: as in `once_in`."""
    return once_in(request, f"{identity.user_id}:{request.url.path}", asked)


def once_in(request: Request, scope: str, asked: BaseModel | None = None) -> Once | None:
    """The request's Idempotency-Key in a scope.

    asked: the body, where the entry holds more than that (a new id, the time): the key then stands for the body.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise BadPayload("Idempotency-Key: 1 to 255 characters")
    ttl_s = node_of(request).settings.idempotency_ttl_s
    digest = blake2b(asked.model_dump_json().encode(), digest_size=12).hexdigest() if asked is not None else ""
    return Once(scope, key, ttl_s, digest)


def numbered(once: Once | None, number: int) -> Once | None:
    """The key of one event of a request that has several: the request's, with the event's place in it."""
    return replace(once, key=f"{once.key}#{number}") if once is not None else None


def ack_of(request: Request) -> str:
    """What the query's `ack` asks for. Raises BadPayload."""
    return choice(request, "ack", "log", "sql")


async def acknowledge(request: Request, room: str, appended: Appended | None) -> None:
    """Wait as long as the query's `ack` asks. Raises ApiError 504 when the room's fold does not come in time."""
    if ack_of(request) == "log" or appended is None:
        return
    node = node_of(request)
    if not await node.folded.wait(room, appended.position, node.settings.sql_wait_s):
        position = str(appended.position)
        raise ApiError(504, "not_folded", "in the log, but not folded in time", retryable=True, position=position)


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query, within bounds. Raises BadPayload."""
    raw = request.query_params.get(name)
    if raw is None:
        return default
    if not raw.isdecimal() or len(raw) > 18 or not low <= int(raw) <= high:
        raise BadPayload(f"{name}: a whole number from {low} to {high}")
    return int(raw)


def choice(request: Request, name: str, *values: str) -> str:
    """A word of the query; the first of the values when it is not given. Raises BadPayload."""
    raw = request.query_params.get(name, values[0])
    if raw not in values:
        raise BadPayload(f"{name}: one of {', '.join(values)}")
    return raw
