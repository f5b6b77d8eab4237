"""So many at a time, first come, first served, and nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from app.turnstile import TurnedAway, Turnstile


async def test_so_many_are_let_in_at_a_time_and_in_the_order_in_which_they_came() -> None:
    turnstile = Turnstile(3, 10)
    inside, most, order = 0, 0, list[int]()

    async def client(number: int) -> None:
        nonlocal inside, most
        async with turnstile.place():
            inside, most = inside + 1, max(most, inside + 1)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*map(client, range(20)))
    assert most == 3
    assert order == list(range(20))


async def test_who_waits_for_too_long_is_turned_away_and_takes_nobodys_place() -> None:
    turnstile, leave = Turnstile(1, 0.01), asyncio.Event()

    async def first() -> None:
        async with turnstile.place():
            await leave.wait()

    holder = asyncio.create_task(first())
    await asyncio.sleep(0)
    with pytest.raises(TurnedAway):
        async with turnstile.place():
            pytest.fail("there was no place")
    leave.set()
    await holder
    async with turnstile.place():
        pass


async def test_a_place_is_free_again_after_a_fault() -> None:
    turnstile = Turnstile(1, 10)
    with pytest.raises(ValueError, match="of the one inside"):
        async with turnstile.place():
            raise ValueError("of the one inside")
    async with turnstile.place():
        pass
