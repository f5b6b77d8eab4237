"""Event calls between two nodes: whoever asks, wherever the page is, whatever happens to it meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.asked import UNREADABLE
from app.calls import GONE, SILENT
from app.producer import producer
from registry.calls import CALL_TTL_S
from tests.support.nodes import Fleet, LocalNode, Process, eventually
from tests.support.people import Person, people

CALLS = {
    "confirmation": True,
    "input": "a name",
    "execute": 42,
    "execute:python": {"stdout": "1\n", "stderr": "", "result": None},
    "execute:tool": [1, {"two": 2}],
    "request:user_input": {"status": "answered", "answers": {"a": "b"}},
    "request:chat:completion": {"status": True},
    "request:elicitation": {"action": "accept", "content": {"a": "b"}},
    "request:terminal": {"data": "a file"},
    "request:terminal:state": {"connected": True},
    "terminal:run_command": {"output": "1"},
    "voice:play_animation": True,
}


@asynccontextmanager
async def two_nodes(fleet: Fleet, **settings: Any) -> AsyncIterator[tuple[LocalNode, LocalNode]]:
    async with fleet.inside(**settings) as one, fleet.inside(**settings) as two:
        yield one, two


def info(person: Person, user_id: str | None = None) -> dict[str, Any]:
    return {"user_id": user_id or person.user_id, "session_id": person.get_sid(), "chat_id": "c", "message_id": "m"}


async def ask(node: LocalNode, person: Person, kind: str = "confirmation", **data: Any) -> Any:
    caller = await node.node.producer.get_event_call(info(person))
    return await caller({"type": kind, "data": {"title": "Sure?"} | data})


async def call_keys(node: LocalNode) -> list[bytes]:
    keys = node.node.link.keys
    client = node.node.link.client(connections=1)
    found = [key async for key in client.scan_iter(match=f"{keys.prefix}:*call:*")]
    return [*found, *await client.zrange(keys.calls, 0, -1)]


async def never(_body: Any) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(("kind", "answer"), CALLS.items())
async def test_a_call_is_answered_from_the_other_node(fleet: Fleet, kind: str, answer: Any) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers[kind] = answer
        assert await ask(one, alice, kind, code="1+1") == answer
        (asked,) = alice.asked
        assert (asked["chat_id"], asked["message_id"]) == ("c", "m")
        assert asked["data"]["data"]["code"] == "1+1"
        number = asked["data"]["data"]["interaction_id"]
        await eventually(lambda: alice.of("request:interaction:done"))
        assert alice.of("request:interaction:done")[0]["data"]["data"] == {"interaction_id": number}
        assert await call_keys(one) == []
        assert not two.node.server.manager.callbacks


async def test_a_question_carries_no_position_and_leaves_no_offset(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        arguments: list[Any] = []

        async def note(*args: Any) -> bool:
            arguments.append(args)
            return True

        alice.on("events", note)
        assert await ask(one, alice) is True
        await eventually(lambda: len(arguments) == 2)
        assert [len(args) for args in arguments] == [1, 1]
        assert alice.offset is None


async def test_a_process_that_is_no_node_calls_and_emits(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (_one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["confirmation"] = False
        async with producer(fleet.redis_url, fleet.key_prefix) as script:
            caller = await script.get_event_call(info(alice))
            assert await caller({"type": "confirmation", "data": {}}) is False
            emit = await script.get_event_emitter(info(alice))
            position = await emit({"type": "message", "data": {"content": "Hello"}})
            await eventually(lambda: alice.of("message"))
            assert alice.offset == position
            positions = await script.emit_to_users("notice", {"a": 1}, ["alice", "bob", "alice"])
            assert list(positions) == ["alice", "bob"]
            await eventually(lambda: ("notice", {"a": 1}) in alice.got)
            await script.enter_room_for_users("channel:x", ["alice"])
            assert "channel:x" in two.node.hub.rooms()
            await eventually(lambda: _users(script, "channel:x", ["alice"]))
            await script.leave_room_for_users("channel:x", ["alice"])
            assert "channel:x" not in two.node.hub.rooms()
            await eventually(lambda: _users(script, "channel:x", []))
            assert await script.get_user_ids_from_room("user:alice") == ["alice"]
            await script.disconnect_user_sessions("alice")
            await eventually(lambda: not alice.connected)
            await eventually(lambda: _users(script, "user:alice", []))


async def _users(script: Any, room: str, expected: list[str]) -> bool:
    return bool(await script.get_user_ids_from_room(room) == expected)


async def test_only_the_asking_users_own_session_is_asked(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice"), Person("bob")) as (alice, bob):
        await alice.at(one.url)
        await bob.at(two.url)
        bob.answers["confirmation"] = True
        caller = await one.node.producer.get_event_call(info(bob, user_id="alice"))
        assert await caller({"type": "confirmation", "data": {}}) == GONE
        caller = await one.node.producer.get_event_call(info(bob) | {"session_id": "nobody"})
        assert await caller({"type": "confirmation", "data": {}}) == GONE
        assert not bob.got
        assert not alice.got


async def test_another_user_cannot_answer(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice"), Person("bob")) as (alice, bob):
        await alice.at(one.url)
        await bob.at(two.url)
        let = asyncio.Event()

        async def later(_body: Any) -> str:
            await let.wait()
            return "mine"

        alice.answers["input"] = later
        asking = asyncio.create_task(ask(two, alice, "input"))
        await eventually(lambda: alice.asked)
        number = alice.asked[0]["data"]["data"]["interaction_id"]
        await bob.eio.send(f'3{number}["stolen"]')
        await bob.chat("none", "join")
        assert not asking.done()
        let.set()
        assert await asking == "mine"


async def test_the_first_answer_counts_and_stale_ones_are_ignored(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["input"] = never
        asking = asyncio.create_task(ask(one, alice, "input"))
        await eventually(lambda: alice.asked)
        number = alice.asked[0]["data"]["data"]["interaction_id"]
        await alice.eio.send(f'3{number}["first"]')
        await alice.eio.send(f'3{number}["second"]')
        assert await asking == "first"
        await alice.eio.send(f'3{number}["third"]')
        await alice.eio.send('37["of no call"]')
        alice.answers["confirmation"] = True
        assert await ask(one, alice) is True
        assert await call_keys(one) == []


async def test_a_silent_page_is_an_error_after_the_timeout(fleet: Fleet) -> None:
    async with (
        two_nodes(fleet, websocket_event_caller_timeout=0.5) as (one, two),
        people(Person("alice")) as (alice,),
    ):
        await alice.at(two.url)
        alice.answers["execute"] = never
        assert await asyncio.wait_for(ask(one, alice, "execute"), 5) == SILENT
        await eventually(lambda: alice.of("request:interaction:done"))
        assert await call_keys(one) == []


@pytest.mark.parametrize("timeout_ms", [1, 3_600_000])
async def test_a_person_who_is_silent_has_as_long_as_the_caller_asks_within_bounds(
    fleet: Fleet, timeout_ms: int
) -> None:
    bounds = {"user_input_min_s": 0.3, "user_input_max_s": 0.6}
    async with two_nodes(fleet, **bounds) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["request:user_input"] = never
        assert await asyncio.wait_for(ask(one, alice, "request:user_input", timeout_ms=timeout_ms), 30) == SILENT
        await eventually(lambda: alice.of("request:interaction:done"))
        assert await call_keys(one) == []


async def test_a_session_that_drops_and_resumes_on_the_other_node_is_asked_again(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["input"] = never
        asking = asyncio.create_task(ask(two, alice, "input"))
        await eventually(lambda: alice.asked)
        await alice.vanish()
        alice.answers["input"] = "here again"
        await alice.at(one.url)
        assert alice.recovered
        assert await asyncio.wait_for(asking, 20) == "here again"
        first, second = (body["data"]["data"]["interaction_id"] for body in alice.asked)
        assert first == second


async def test_an_answer_given_while_the_link_was_down_counts_on_the_new_connection(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["input"] = never
        asking = asyncio.create_task(ask(two, alice, "input"))
        await eventually(lambda: alice.asked)
        number = alice.asked[0]["data"]["data"]["interaction_id"]
        await alice.vanish()
        await alice.at(one.url)
        await alice.eio.send(f'3{number}["typed while away"]')
        assert await asyncio.wait_for(asking, 20) == "typed while away"


async def test_a_page_that_was_loaded_again_is_asked_again(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice"), Person("alice")) as (alice, reloaded):
        await alice.at(two.url)
        alice.answers["confirmation"] = never
        asking = asyncio.create_task(ask(one, alice))
        await eventually(lambda: alice.asked)
        await alice.disconnect()
        reloaded.answers["confirmation"] = True
        await reloaded.at(one.url)
        assert await asyncio.wait_for(asking, 20) is True
        ids = {body["data"]["data"]["interaction_id"] for body in (*alice.asked, *reloaded.asked)}
        assert len(ids) == 1


@pytest.mark.parametrize("kind", ["execute:python", "execute:tool"])
async def test_a_page_that_was_loaded_again_is_asked_by_its_own_session_id(fleet: Fleet, kind: str) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice"), Person("alice")) as (alice, reloaded):
        await alice.at(two.url)
        first = alice.get_sid()
        alice.answers[kind] = never
        asking = asyncio.create_task(ask(one, alice, kind, session_id=first, other="stays"))
        await eventually(lambda: alice.asked)
        await alice.disconnect()

        async def page(body: Any) -> Any:
            """As Open WebUI's page does: a question for another socket is not answered."""
            return "1" if body["data"]["data"]["session_id"] == reloaded.get_sid() else await never(body)

        reloaded.answers[kind] = page
        await reloaded.at(one.url)
        assert await asyncio.wait_for(asking, 20) == "1"
        assert alice.asked[0]["data"]["data"]["session_id"] == first
        assert reloaded.asked[0]["data"]["data"]["other"] == "stays"


async def test_a_session_id_in_the_data_that_is_another_stays_as_it_is(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["execute:tool"] = 1
        assert await ask(one, alice, "execute:tool", session_id="of a tool") == 1
        assert alice.asked[0]["data"]["data"]["session_id"] == "of a tool"


@pytest.mark.parametrize("answer", [b"\0\1", {"stdout": b"\0"}, [[b""]]], ids=repr)
async def test_an_answer_that_is_not_json_is_an_error_at_once(fleet: Fleet, answer: Any) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["execute"] = answer
        assert await asyncio.wait_for(ask(one, alice, "execute"), 20) == UNREADABLE
        alice.answers["execute"] = "text"
        assert await ask(one, alice, "execute") == "text"
        assert not [body for event, body in alice.got if event == "error"]


async def test_another_open_tab_takes_over_from_one_that_was_closed(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice"), Person("alice")) as (alice, other):
        await alice.at(two.url)
        await other.at(one.url)
        alice.answers["confirmation"] = never
        other.answers["confirmation"] = "the other tab"
        asking = asyncio.create_task(ask(one, alice))
        await eventually(lambda: alice.asked)
        assert not other.asked
        await alice.disconnect()
        assert await asyncio.wait_for(asking, 20) == "the other tab"
        await eventually(lambda: other.of("request:interaction:done"))


async def test_a_user_who_does_not_come_back_is_an_error(fleet: Fleet) -> None:
    async with two_nodes(fleet, call_follow_s=1) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["confirmation"] = never
        asking = asyncio.create_task(ask(one, alice))
        await eventually(lambda: alice.asked)
        await alice.disconnect()
        assert await asyncio.wait_for(asking, 20) == GONE
        assert await call_keys(one) == []


async def test_a_cancelled_caller_leaves_nothing_behind(fleet: Fleet) -> None:
    async with two_nodes(fleet) as (one, two), people(Person("alice")) as (alice,):
        await alice.at(two.url)
        alice.answers["confirmation"] = never
        asking = asyncio.create_task(ask(one, alice))
        await eventually(lambda: alice.asked)
        assert len(await call_keys(one)) == 2
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        await eventually(lambda: alice.of("request:interaction:done"))
        assert await call_keys(one) == []
        assert not one.node.calls._waiting
        assert not two.node.server.manager.callbacks


async def test_the_node_of_the_called_page_is_killed(fleet: Fleet) -> None:
    doomed = await fleet.node()
    async with fleet.inside() as one, people(Person("alice")) as (alice,):
        await alice.at(doomed.url)
        alice.answers["confirmation"] = never
        asking = asyncio.create_task(ask(one, alice))
        await eventually(lambda: alice.asked)
        doomed.kill()
        await eventually(lambda: not alice.connected)
        alice.answers["confirmation"] = "from the other node"
        await alice.at(one.url)
        assert await asyncio.wait_for(asking, 20) == "from the other node"
        assert await call_keys(one) == []


async def test_a_killed_node_whose_page_was_loaded_again_is_not_waited_for(fleet: Fleet) -> None:
    doomed = await fleet.node()
    async with fleet.inside() as one, people(Person("alice"), Person("alice")) as (alice, reloaded):
        await alice.at(doomed.url)
        alice.answers["confirmation"] = never
        asking = asyncio.create_task(ask(one, alice))
        await eventually(lambda: alice.asked)
        doomed.kill()
        reloaded.answers["confirmation"] = True
        await reloaded.at(one.url)
        assert await asyncio.wait_for(asking, 15) is True


async def test_the_death_of_the_waiting_process_closes_the_dialog_and_leaks_no_key(fleet: Fleet) -> None:
    fleet.worker()
    async with two_nodes(fleet) as (one, two), people(Person("alice"), Person("alice")) as (alice, tab):
        await alice.at(one.url)
        await tab.at(two.url)
        alice.answers["confirmation"] = never
        program = (
            "import asyncio\nfrom app.producer import producer\n"
            "async def main():\n"
            f"    async with producer({fleet.redis_url!r}, {fleet.key_prefix!r}) as p:\n"
            f"        ask = await p.get_event_call({info(alice)!r})\n"
            "        await ask({'type': 'confirmation', 'data': {}})\n"
            "asyncio.run(main())\n"
        )
        script = Process(["-c", program], fleet.env())
        fleet.processes.append(script)
        script.start()
        await eventually(lambda: alice.asked)
        script.kill()
        assert len(await call_keys(one)) == 2

        async def none() -> bool:
            return await call_keys(one) == []

        await eventually(none, CALL_TTL_S + 30)
        done = {"interaction_id": alice.asked[0]["data"]["data"]["interaction_id"]}
        for page in (alice, tab):
            await eventually(lambda page=page: page.of("request:interaction:done"))
            assert [body["data"]["data"] for body in page.of("request:interaction:done")] == [done]
