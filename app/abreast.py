"""Awaiting many calls, so many at a time: one after the other is slow, all at once a burst."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

AT_ONCE = 20
"""Calls to Redis or PostgreSQL that one session has under way."""


async def abreast(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results, in order. Raises what a call raised; the calls behind it may not have begun then."""
    waiting, results = list(calls), []
    try:
        while waiting:
            now, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            results += await asyncio.gather(*now)
    finally:
        for call in waiting:
            call.close()
    return results
