"""Gathering: what comes within a few milliseconds goes on together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def gathered(source: AsyncIterator[T], window_s: float, limit: int) -> AsyncGenerator[list[T], None]:
    """The source's items in lists: the first of a list opens a window, at most `limit` items come in one.

    The source is asked for one item at a time, and for none while a list is being used: a slow consumer holds it up.
    Its fault is raised behind what came before it. Cancelling, or closing this early, cancels the source's wait; the
    source itself is the caller's to close.
    """
    loop = asyncio.get_running_loop()
    pending: asyncio.Task[T] | None = None
    try:
        while True:
            items: list[T] = []
            until: float | None = None
            while len(items) < limit:
                pending = pending or asyncio.create_task(_next(source))
                left = None if until is None else until - loop.time()
                await asyncio.wait({pending}, timeout=left if left is None else max(left, 0))
                if not pending.done() or pending.exception() is not None:
                    break
                items.append(pending.result())
                pending = None
                until = until or loop.time() + window_s
            if items:
                yield items
            if pending is not None and pending.done() and pending.exception() is not None:
                ended, pending = pending, None
                if isinstance(ended.exception(), StopAsyncIteration):
                    return
                ended.result()
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait({pending})


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source)
