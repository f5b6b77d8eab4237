"""The pages that a node serves: the demo chat at `/`, the operator's console at `/console`, and what they load.

They are built from web/pages into app/static, also in the wheel. Everything comes from the node itself, and nothing in
a page runs that is not a file of it: that is what POLICY says to browsers.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.staticfiles import NotModifiedResponse

BUILT = Path(__file__).with_name("static")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FRESH = "no-cache"  # asked for each time, and answered 304 while it is the same
FOR_EVER = "public, max-age=31536000, immutable"  # their names have a hash of what is in them
GZIP_BYTES = 1000  # what is smaller fits into one packet anyway

NOT_BUILT = (
    "The pages are not built here. `make pages` builds them from web/pages; `make run` does that by itself, "
    "and a wheel brings them.\n"
)
DEMO_OFF = "the demo is off: DEMO=true turns it on"
LOOSE = ("icon.svg", "theme.js")
"""Files that pages load by a name without a hash."""
HASHED = re.compile(r"\w[\w.-]*", re.ASCII)

Endpoint = Callable[[Request], Awaitable[Response]]


def page_routes(demo: bool, folder: Path = BUILT) -> list[Route]:
    """The routes of all pages. demo: whether `/` is served. folder: what the build wrote; it may be missing."""
    return [
        Route("/", _file(folder / "index.html") if demo else _no_demo),
        Route("/console", _file(folder / "console.html")),
        *(Route(f"/{name}", _file(folder / name)) for name in LOOSE),
        Route(
            "/assets/{name}",
            _hashed(folder / "assets"),
            middleware=[Middleware(GZipMiddleware, minimum_size=GZIP_BYTES)],
        ),
    ]


def _file(path: Path) -> Endpoint:
    """An endpoint that answers a file as it is now."""

    async def endpoint(request: Request) -> Response:
        return await _answer(request, path, FRESH)

    return endpoint


def _hashed(folder: Path) -> Endpoint:
    """An endpoint that answers the folder's files, and nothing from outside of it."""

    async def endpoint(request: Request) -> Response:
        name = request.path_params["name"]
        if not HASHED.fullmatch(name):
            raise HTTPException(404)
        return await _answer(request, folder / name, FOR_EVER)

    return endpoint


async def _answer(request: Request, path: Path, caching: str) -> Response:
    """The file, or 304 for who has it, or how it is built."""
    try:
        stat = await asyncio.to_thread(path.stat)
    except FileNotFoundError:
        return PlainTextResponse(NOT_BUILT, 404, HEADERS)
    answer = FileResponse(path, headers=HEADERS | {"Cache-Control": caching}, stat_result=stat)
    if answer.headers["etag"] in request.headers.get("if-none-match", ""):
        not_modified = NotModifiedResponse(answer.headers)
        not_modified.headers.update(HEADERS)
        return not_modified
    return answer


async def _no_demo(_request: Request) -> Response:
    raise HTTPException(404, DEMO_OFF)
