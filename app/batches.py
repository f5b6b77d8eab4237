"""Requests of one event, or of a list of them: each is appended for itself, in order, in shared round trips."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from app.http import ApiError, numbered, read_json, translate
from app.payloads import parse, parse_batch
from streams.append import Appended, Once

B = TypeVar("B", bound=BaseModel)


async def read_events(request: Request, kind: type[B]) -> B | list[B]:
    """The body: one event, or a list. Raises as `read_body` does; of a list with a malformed event none is taken."""
    value = await read_json(request)
    return parse_batch(kind, value) if isinstance(value, list) else parse(kind, value)


async def append_all(
    events: Sequence[B], once: Once | None, append: Callable[[B, Once | None], Awaitable[Appended | None]]
) -> list[Appended | None]:
    """Append events in order, each with a key of its own; returns their places.

    One that is refused does not keep the others out: raises ApiError with the first fault and all `positions` then,
    so that the same request with the same key can be made again, and appends what is missing.
    """
    attempts = (append(event, numbered(once, number)) for number, event in enumerate(events))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    places = [None if isinstance(result, BaseException) else result for result in results]
    for number, result in enumerate(results):
        if isinstance(result, BaseException):
            if not isinstance(result, Exception):
                raise result
            raise _refused(number, translate(result), positions(places))
    return places


def positions(places: Sequence[Appended | None]) -> list[str | None]:
    """As they are answered: None for what is not in the log."""
    return [str(place.position) if place is not None else None for place in places]


def _refused(number: int, error: ApiError, found: list[str | None]) -> ApiError:
    known: dict[str, Any] = error.body | {"detail": f"event {number}: {error}", "positions": found}
    return ApiError(error.status, known.pop("code"), known.pop("detail"), **known)
