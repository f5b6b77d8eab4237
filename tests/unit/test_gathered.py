"""What comes within a window goes on together, in the order in which it came; every step here is a fixed one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from app.completions.gathered import gathered

AGES = 3600.0
"""A window that no test waits for the end of."""


class Source:
    """Hands out what a test puts into it.

    asked: how often it was asked for an item. waited: set once it was. cancelled: a wait for it was cancelled.
    """

    def __init__(self, *items: int | Exception | None) -> None:
        self._items: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self.asked = 0
        self.waited = asyncio.Event()
        self.cancelled = False
        self.put(*items)

    def put(self, *items: int | Exception | None) -> None:
        """An exception is raised, None is the end."""
        for item in items:
            self._items.put_nowait(item)

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        self.asked += 1
        self.waited.set()
        try:
            item = await self._items.get()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, Exception):
            raise item
        return item


async def test_lists_are_in_order_and_as_long_as_the_limit_allows() -> None:
    lists = [items async for items in gathered(Source(*range(8), None), AGES, 3)]
    assert lists == [[0, 1, 2], [3, 4, 5], [6, 7]]


async def test_a_window_that_has_no_length_hands_on_each_item_alone() -> None:
    lists = [items async for items in gathered(Source(1, 2, 3, None), 0, 100)]
    assert [item for items in lists for item in items] == [1, 2, 3]


async def test_the_window_opens_with_the_first_item_and_not_before() -> None:
    source = Source()
    async with aclosing(gathered(source, 0.001, 100)) as lists:
        first = asyncio.ensure_future(anext(lists))
        done, _ = await asyncio.wait({first}, timeout=0.02)
        assert not done, "an empty window does not end"
        source.put(1)
        assert await first == [1]
        source.put(2)
        assert await anext(lists) == [2]


async def test_a_fault_is_raised_behind_what_came_before_it() -> None:
    source = Source(1, 2, ValueError("cut"))
    async with aclosing(gathered(source, AGES, 100)) as lists:
        assert await anext(lists) == [1, 2]
        with pytest.raises(ValueError, match="cut"):
            await anext(lists)


async def test_an_empty_source_gives_no_list() -> None:
    assert [items async for items in gathered(Source(None), AGES, 3)] == []


async def test_a_list_that_is_being_used_holds_the_source_up() -> None:
    source = Source(1, 2, 3, 4, None)
    async with aclosing(gathered(source, AGES, 2)) as lists:
        assert await anext(lists) == [1, 2]
        assert source.asked == 2
        assert await anext(lists) == [3, 4]
        assert source.asked == 4


async def test_closing_early_cancels_the_wait_for_the_source() -> None:
    source = Source(1)
    lists = gathered(source, 0.001, 100)
    assert await anext(lists) == [1]
    assert source.asked == 2, "it waits for the next item already"
    await lists.aclose()
    assert source.cancelled


async def test_cancelling_the_reader_cancels_the_wait_for_the_source() -> None:
    source = Source()
    lists = gathered(source, AGES, 100)
    reading = asyncio.ensure_future(anext(lists))
    await source.waited.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert source.cancelled
