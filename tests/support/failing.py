"""The application of a node with a route that fails, for tests of what is told of bugs: `tests.support.failing:app`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import main


async def fail(request: Request) -> Response:
    """A bug whose message quotes the payload, as that of a KeyError does."""
    raise KeyError(await request.body(), request.headers["authorization"])


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(name)
    made = main.app
    made._app.router.routes.insert(0, Route("/fail", fail, methods=["POST"]))
    return made
