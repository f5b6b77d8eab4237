"""Waiting for a condition that nobody announces: another process's, or the sum of many things."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cli.errors import CommandError

POLL_S = 0.1
PATIENCE_S = 120.0  # without any progress; then what is missing is called lost
ECHO_S = 1.0  # after the last event came: a repetition would come right behind it


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


async def settled(done: Callable[[], bool], state: Callable[[], object]) -> None:
    """Wait for what is on its way, however slow, and a moment for what came twice; give up after PATIENCE_S."""

    async def is_done() -> bool:
        return done()

    async def now() -> object:
        return state()

    await while_moving(is_done, now, PATIENCE_S)
    await asyncio.sleep(ECHO_S)


@asynccontextmanager
async def within(deadline_s: float, what: str) -> AsyncIterator[None]:
    """Raises CommandError when the block takes longer. what: what it does, for people."""
    try:
        async with asyncio.timeout(deadline_s):
            yield
    except TimeoutError as error:
        raise CommandError(f"{what} took more than {deadline_s:.0f} s") from error
