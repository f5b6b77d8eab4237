"""Waiting for a condition that nobody announces: another process's, or the sum of many things."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

POLL_S = 0.1


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition is true; it is looked at ten times a second."""
    while not condition():  # noqa: ASYNC110 - the one place that polls
        await asyncio.sleep(POLL_S)


async def while_moving(
    done: Callable[[], Awaitable[bool]], state: Callable[[], Awaitable[object]], patience_s: float
) -> None:
    """Return when `done`, or when `state` has not changed for `patience_s`: slow is not lost."""
    last, deadline = await state(), time.monotonic() + patience_s
    while not await done() and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        now = await state()
        if now != last:
            last, deadline = now, time.monotonic() + patience_s
