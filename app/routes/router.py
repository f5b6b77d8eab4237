"""The router, made from the table of routes: what is checked before any endpoint is reached."""

from __future__ import annotations

import re
from functools import wraps
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from app.http import ApiError, ack_of
from app.routes.openapi import openapi
from app.routes.table import OPERATIONS, Endpoint, Operation

NAME_LENGTH = 512
"""Of a name in a path: a room of the longest kind and id has less."""

SLASH = re.compile(rb"%2f", re.IGNORECASE)
STAND_IN = "\x1f"
"""Stands for a slash in a name while a path is taken apart. It cannot be printed: no name has one itself."""


class NamedRoute(Route):
    """A route with names in its path. A name may have slashes, which are written `%2F`: ids of users are addresses with
    some sign-on services."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        raw: bytes = scope.get("raw_path") or b""
        if STAND_IN in scope["path"] or not SLASH.search(raw):
            return super().matches(scope)
        path = unquote_to_bytes(SLASH.sub(STAND_IN.encode(), raw)).decode(errors="replace")
        match, child = super().matches({**scope, "path": path})
        if match is not Match.NONE:
            child["path_params"] = {name: value.replace(STAND_IN, "/") for name, value in child["path_params"].items()}
        return match, child


def routes(prefix: str) -> list[Route]:
    """The router's routes below a prefix, without it; those with no prefix are not below /api."""
    if prefix:
        return [_route(o, o.path.removeprefix(prefix)) for o in OPERATIONS if o.path.startswith(prefix + "/")]
    own = [_route(o, o.path) for o in OPERATIONS if not o.path.startswith("/api/")]
    return [*own, Route("/openapi.json", openapi, methods=["GET"])]


def _route(operation: Operation, path: str) -> Route:
    endpoint = _with_ack(operation.endpoint) if "ack" in operation.query else operation.endpoint
    if "{" not in path:
        return Route(path, endpoint, methods=[operation.method])
    return NamedRoute(path, _with_names(endpoint), methods=[operation.method])


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
