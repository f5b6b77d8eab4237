"""Direct completions: a browser on one node answers a process on the other, line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from app.direct import DirectCompletion, DirectFailed, Page
from app.direct_lines import LINE_BYTES
from streams.errors import LogUnavailable
from tests.support.nodes import Fleet, LocalNode, eventually
from tests.support.people import Person, people
from tests.support.proxy import proxy_to


def page(person: Person) -> Page:
    return Page(person.user_id, person.get_sid() or "", "c", "m")


def streaming(person: Person, send: Callable[[str], Awaitable[None]]) -> list[asyncio.Task[None]]:
    """Make a page answer a direct completion by streaming, as the stock page does; returns its tasks."""
    tasks: list[asyncio.Task[None]] = []

    async def answer(body: Any) -> dict[str, bool]:
        tasks.append(asyncio.ensure_future(send(body["data"]["data"]["channel"])))
        return {"status": True}

    person.answers["request:chat:completion"] = answer
    return tasks


async def direct_keys(node: LocalNode) -> list[bytes]:
    link = node.node.link
    client = link.client(connections=1)
    found = [key async for key in client.scan_iter(match=f"{link.keys.prefix}:*direct:*")]
    heads = [room for room in await client.hgetall(link.keys.heads) if room.startswith(b"direct:")]
    waiting = await client.zrange(link.keys.directs, 0, -1)
    return [*found, *heads, *waiting]


async def read(completion: DirectCompletion) -> list[str]:
    return [line async for line in completion.lines()]


async def test_lines_come_in_order_from_the_other_node_and_leave_nothing_behind(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)
        lines = [f"data: {number} é\n" for number in range(1500)]

        async def send(channel: str) -> None:
            for line in lines:
                await alice.emit(channel, line)
            await alice.emit(channel, {"done": True})

        sending = streaming(alice, send)
        async with one.node.direct.complete(page(alice), {"messages": []}, {"id": "llama"}) as completion:
            assert completion.whole is None
            assert await asyncio.wait_for(read(completion), 30) == lines
            assert not completion.resent
        (asked,) = alice.asked
        data = asked["data"]["data"]
        assert data["channel"].startswith(f"alice:{alice.get_sid()}:")
        assert data["channel"].count(":") == 2
        assert (data["model"], data["session_id"]) == ({"id": "llama"}, alice.get_sid())
        await asyncio.gather(*sending)
        assert await direct_keys(one) == []
        assert not any(room.startswith("direct:") for room in one.node.hub.rooms())
        assert await alice.call(data["channel"], "late") is False
        assert await direct_keys(one) == []


async def test_a_completion_in_one_piece(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)
        whole = {"choices": [{"message": {"content": "Hello"}}]}
        alice.answers["request:chat:completion"] = whole
        async with one.node.direct.complete(page(alice), {}, {}) as completion:
            assert completion.whole == whole
        alice.answers["request:chat:completion"] = {"error": {"message": "the provider says no"}}
        with pytest.raises(DirectFailed, match="the provider says no"):
            await one.node.direct.complete(page(alice), {}, {}).__aenter__()
        assert await direct_keys(one) == []


async def test_nobody_writes_lines_of_another_session(fleet: Fleet) -> None:
    async with fleet.inside() as one, people(Person("alice"), Person("alice"), Person("bob")) as (alice, tab, bob):
        for person in (alice, tab, bob):
            await person.at(one.url)
        others: list[Any] = []

        async def send(channel: str) -> None:
            others.append(await bob.call(channel, "data: stolen"))
            others.append(await tab.call(channel, "data: stolen"))
            assert await alice.call(channel, "data: mine") is True
            assert await alice.call(channel, 7) is False
            await alice.emit(channel, {"done": True})

        sending = streaming(alice, send)
        async with one.node.direct.complete(page(alice), {}, {}) as completion:
            assert await asyncio.wait_for(read(completion), 10) == ["data: mine"]
        await asyncio.gather(*sending)
        assert others == [False, False]
        mine = f"alice:{alice.get_sid()}:made-up"
        assert await alice.call(mine, "a room that nobody waits for") is False
        assert await direct_keys(one) == []


async def test_the_browser_vanishes_in_mid_stream(fleet: Fleet) -> None:
    settings = {"direct_away_s": 1.0}
    async with fleet.inside(**settings) as one, fleet.inside(**settings) as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)

        async def send(channel: str) -> None:
            await alice.emit(channel, "data: 1")

        streaming(alice, send)
        async with (
            one.node.direct.complete(page(alice), {}, {}) as completion,
            aclosing(completion.lines()) as lines,
        ):
            assert await anext(lines) == "data: 1"
            await alice.vanish()
            with pytest.raises(DirectFailed, match="went away"):
                await asyncio.wait_for(anext(lines), 15)
        assert await direct_keys(one) == []


async def test_a_browser_that_comes_back_goes_on_and_the_reader_is_told(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)
        channels: list[str] = []

        async def send(channel: str) -> None:
            channels.append(channel)
            await alice.emit(channel, "1")

        streaming(alice, send)
        async with (
            one.node.direct.complete(page(alice), {}, {}) as completion,
            aclosing(completion.lines()) as lines,
        ):
            assert await anext(lines) == "1"
            await alice.vanish()
            await alice.at(one.url)
            await alice.emit(channels[0], "2")
            assert await asyncio.wait_for(anext(lines), 10) == "2"
            assert completion.resent


async def test_a_browser_that_stalls_is_given_up(fleet: Fleet) -> None:
    async with fleet.inside(direct_idle_s=2.0) as one, people(Person("alice")) as (alice,):
        await alice.at(one.url)

        async def send(channel: str) -> None:
            await alice.emit(channel, "data: 1")

        streaming(alice, send)
        async with one.node.direct.complete(page(alice), {}, {}) as completion:
            with pytest.raises(DirectFailed, match="sent nothing for 2 s"):
                await asyncio.wait_for(read(completion), 15)


async def test_a_slow_reader_holds_a_bounded_number_of_lines_and_misses_none(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)
        count = 3000

        async def send(channel: str) -> None:
            for number in range(count):
                await alice.emit(channel, f"{number}")
            assert await alice.call(channel, {"done": True}) is True

        sending = streaming(alice, send)
        async with (
            one.node.direct.complete(page(alice), {}, {}) as completion,
            aclosing(completion.lines()) as lines,
        ):
            got = [await anext(lines)]
            await asyncio.gather(*sending)
            await eventually(lambda: one.node.hub.position >= two.node.hub.position)
            assert len(completion.follower._queue) <= 1000
            got += [line async for line in lines]
        assert got == [f"{number}" for number in range(count)]


async def test_a_line_without_end_ends_the_completion(fleet: Fleet) -> None:
    async with fleet.inside() as one, people(Person("alice")) as (alice,):
        await alice.at(one.url)

        async def send(channel: str) -> None:
            await alice.emit(channel, "x" * (LINE_BYTES + 1))

        streaming(alice, send)
        async with one.node.direct.complete(page(alice), {}, {}) as completion:
            with pytest.raises(DirectFailed, match="too large"):
                await asyncio.wait_for(read(completion), 15)


async def test_a_session_that_drops_before_it_answers_is_asked_anew_on_another_channel(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)

        async def never(_body: Any) -> None:
            await asyncio.Event().wait()

        alice.answers["request:chat:completion"] = never
        opening = one.node.direct.complete(page(alice), {}, {})
        entering = asyncio.ensure_future(opening.__aenter__())
        await eventually(lambda: alice.asked)
        await alice.vanish()
        alice.answers["request:chat:completion"] = {"choices": []}
        await alice.at(one.url)
        completion = await asyncio.wait_for(entering, 20)
        assert completion.whole == {"choices": []}
        await opening.__aexit__(None, None, None)
        first, second = (body["data"]["data"]["channel"] for body in alice.asked)
        assert first != second
        assert await direct_keys(one) == []


async def test_a_page_that_answers_on_another_link_than_it_was_asked_on_is_asked_anew(fleet: Fleet) -> None:
    """Lines that it may have sent on the first link are not known, so they are not waited for."""
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)
        asked = asyncio.Event()

        async def never(_body: Any) -> None:
            asked.set()
            await asyncio.Event().wait()

        async def send(channel: str) -> None:
            await alice.emit(channel, "whole")
            await alice.emit(channel, {"done": True})

        alice.answers["request:chat:completion"] = never

        async def complete() -> list[str]:
            async with one.node.direct.complete(page(alice), {}, {}) as completion:
                return await read(completion)

        completing = asyncio.create_task(complete())
        await asked.wait()
        number = alice.asked[0]["data"]["data"]["interaction_id"]
        await alice.vanish()
        streaming(alice, send)
        await alice.at(one.url)
        await alice.eio.send(f'3{number}[{{"status":true}}]')
        assert await asyncio.wait_for(completing, 20) == ["whole"]
        first, second = (body["data"]["data"]["channel"] for body in alice.asked)
        assert first != second
        assert await direct_keys(one) == []


async def test_a_line_that_could_not_be_appended_is_told_behind_it(fleet: Fleet) -> None:
    async with proxy_to(int(fleet.redis_url.rpartition(":")[2])) as proxy:
        behind = replace(fleet, redis_url=f"redis://127.0.0.1:{proxy.port}", processes=fleet.processes)
        async with fleet.inside() as one, behind.inside() as two, people(Person("alice")) as (alice,):
            await alice.at(two.url)

            async def send(channel: str) -> None:
                await alice.emit(channel, "1")

            streaming(alice, send)
            async with (
                one.node.direct.complete(page(alice), {}, {}) as completion,
                aclosing(completion.lines()) as lines,
            ):
                assert await anext(lines) == "1"
                channel = alice.asked[0]["data"]["data"]["channel"]
                proxy.refusing = True
                proxy.cut()
                assert await alice.call(channel, "2") is not True
                proxy.refusing = False
                reading = asyncio.ensure_future(anext(lines))

                async def told() -> bool:
                    await alice.call(channel, "3")
                    return reading.done()

                await eventually(told, 30)
                with pytest.raises(DirectFailed, match="lost on their way"):
                    await reading


async def test_another_users_session_does_no_completion(fleet: Fleet) -> None:
    async with fleet.inside() as one, people(Person("alice"), Person("bob")) as (alice, bob):
        await alice.at(one.url)
        await bob.at(one.url)
        with pytest.raises(DirectFailed):
            await one.node.direct.complete(replace(page(bob), user_id="alice"), {}, {}).__aenter__()
        assert not bob.got


async def test_a_stream_of_which_a_line_was_lost_is_not_taken_for_whole_when_others_come(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.direct_lines.STREAMS", 2)
    async with fleet.inside() as one, fleet.inside() as two, people(Person("alice")) as (alice,):
        await alice.at(two.url)

        async def away(_entry: Any) -> Any:
            raise LogUnavailable("the log is away")

        async def send(channel: str) -> None:
            with monkeypatch.context() as failing:
                failing.setattr(two.node.appender, "append", away)
                assert await alice.call(channel, "data: lost\n") is False
            for number in range(3):
                assert await alice.call(f"{channel}{number}", "data: of another\n") is False
            await alice.emit(channel, "data: after it\n")
            await alice.emit(channel, {"done": True})

        sending = streaming(alice, send)
        async with one.node.direct.complete(page(alice), {}, {}) as completion:
            with pytest.raises(DirectFailed, match="lost"):
                await read(completion)
        await asyncio.gather(*sending)
