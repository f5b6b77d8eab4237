"""The router, made from the table of routes: what is checked before any endpoint is reached."""

from __future__ import annotations

from functools import wraps

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.http import ApiError, ack_of
from app.routes.openapi import openapi
from app.routes.table import OPERATIONS, Endpoint, Operation

NAME_LENGTH = 512
"""Of a name in a path: a room of the longest kind and id has less."""


def routes(prefix: str) -> list[Route]:
    """The router's routes below a prefix, without it; those with no prefix are not below /api."""
    if prefix:
        return [_route(o, o.path.removeprefix(prefix)) for o in OPERATIONS if o.path.startswith(prefix + "/")]
    own = [_route(o, o.path) for o in OPERATIONS if not o.path.startswith("/api/")]
    return [*own, Route("/openapi.json", openapi, methods=["GET"])]


def _route(operation: Operation, path: str) -> Route:
    endpoint = _with_ack(operation.endpoint) if "ack" in operation.query else operation.endpoint
    endpoint = _with_names(endpoint) if "{" in path else endpoint
    return Route(path, endpoint, methods=[operation.method])


def _with_names(endpoint: Endpoint) -> Endpoint:
    """The endpoint, which is not reached with a name in the path that nothing can have."""

    @wraps(endpoint)
    async def checked(request: Request) -> Response:
        if any(len(name) > NAME_LENGTH or not name.isprintable() for name in request.path_params.values()):
            raise ApiError(404, "not_found", "there is nothing by this name")
        return await endpoint(request)

    return checked


def _with_ack(endpoint: Endpoint) -> Endpoint:
    """The endpoint, which is not reached with an `ack` that nobody knows: nothing is written then."""

    @wraps(endpoint)
    async def checked(request: Request) -> Response:
        ack_of(request)
        return await endpoint(request)

    return checked
