"""Fences of the append script: one run of a message at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streams.append import Appender, Copy, Fence, NewEntry, Once, Step
from streams.errors import Fenced, RoomFull
from streams.link import Link
from tests.support.valkey import running_appender

ROOM = "user:owner"
DATA = b'{"chat_id":"c"}'


def entry(run: str, step: Step = Step.HOLD, name: str = "m1", **more: Any) -> NewEntry:
    return NewEntry(ROOM, "events", DATA, fence=Fence(name, run, step), **more)


async def test_only_the_run_that_holds_the_fence_appends(appender: Appender) -> None:
    with pytest.raises(Fenced):
        await appender.append(entry("one"))
    await appender.append(entry("one", Step.BEGIN))
    await appender.append(entry("one"))
    with pytest.raises(Fenced):
        await appender.append(entry("two"))
    await appender.append(entry("two", Step.BEGIN))
    for step in (Step.HOLD, Step.END):
        with pytest.raises(Fenced):
            await appender.append(entry("one", step))
    await appender.append(entry("two"))


async def test_nothing_is_appended_behind_the_end_and_no_key_is_left(appender: Appender, link: Link) -> None:
    await appender.append(entry("one", Step.BEGIN))
    client = link.client(connections=1)
    assert await client.exists(link.keys.run("m1"))
    await appender.append(entry("one", Step.END))
    assert not await client.exists(link.keys.run("m1"))
    for step in (Step.HOLD, Step.END):
        with pytest.raises(Fenced):
            await appender.append(entry("one", step))
    assert await client.xlen(link.keys.room(ROOM)) == 2


async def test_what_comes_behind_a_run_has_its_fence_once_until_another_run_begins(
    appender: Appender, link: Link
) -> None:
    for replaced in (False, True):
        await appender.append(entry("one", Step.BEGIN))
        await appender.append(entry("one", Step.PASS))
        for step in (Step.HOLD, Step.END, Step.PASS):
            with pytest.raises(Fenced):
                await appender.append(entry("one", step))
        behind = NewEntry(ROOM, "events", DATA, fence=Fence("m1", "one").epilogue)
        if replaced:
            await appender.append(entry("two", Step.BEGIN))
            await appender.append(entry("two", Step.END))
        else:
            await appender.append(behind)
        with pytest.raises(Fenced):
            await appender.append(behind)
        assert not await link.client(connections=1).exists(link.keys.run("m1"))


async def test_fences_of_other_names_and_entries_without_one_are_let_through(appender: Appender) -> None:
    await appender.append(entry("one", Step.BEGIN))
    await appender.append(entry("two", Step.BEGIN, name="m2"))
    await appender.append(NewEntry(ROOM, "events", b"{}"))
    await appender.append(entry("one"))


async def test_a_refused_entry_leaves_its_copy_out(appender: Appender, link: Link) -> None:
    client = link.client(connections=1)
    await client.zadd(link.keys.members("chat:c"), {"viewer": 2**33})
    copy = Copy("chat:c", b'"shared":true')
    with pytest.raises(Fenced):
        await appender.append(entry("one", copy=copy))
    assert not await client.exists(link.keys.room("chat:c"))
    await appender.append(entry("one", Step.BEGIN, copy=copy))
    assert await client.xlen(link.keys.room("chat:c")) == 1


async def test_an_end_that_is_asked_for_twice_with_a_key_is_one_end(appender: Appender) -> None:
    await appender.append(entry("one", Step.BEGIN))
    once = Once("tasks", "t1")
    first = await appender.append(entry("one", Step.END, once=once))
    again = await appender.append(entry("one", Step.END, once=once))
    assert (again.position, again.repeated) == (first.position, True)


FULL: list[Callable[[], NewEntry]] = [lambda: entry("one"), lambda: entry("one", Step.END)]


@pytest.mark.parametrize("make", FULL)
async def test_a_fence_outlives_a_refusal_for_another_reason(link: Link, make: Callable[[], NewEntry]) -> None:

    async with running_appender(link, room_cap=1) as small:
        await small.append(entry("one", Step.BEGIN))
        with pytest.raises(RoomFull):
            await small.append(make())
        assert await link.client(connections=1).get(link.keys.run("m1")) == b"one"
