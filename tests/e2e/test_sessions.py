"""Who may come back and who may not, and what the official client is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.balancer import balancer_before
from tests.e2e.producer import Producer, heard, hears
from tests.support.js import POLLING, SOCKET_PATH, SWIFT, UPGRADE, WEBSOCKET, Js, JsClient
from tests.support.nodes import Fleet, eventually, token


async def assert_not_recovered(client: JsClient, pid: str) -> None:
    """It is connected anew: with another pid, and told once, and first, which rooms to reload."""
    back = client.connects[-1]
    assert not back.recovered
    assert (await client.state())["pid"] not in (pid, None)
    await eventually(lambda: len(client.events) > back.seen)
    name, payload, *more = client.events[back.seen]
    assert (name, more) == ("room:reset", [])
    assert payload["rooms"] == ["user:alice"]
    assert payload["position"]
    assert len(client.resets()) == 1


async def test_an_expired_session_is_not_recovered(fleet: Fleet, js: Js, producer: Producer) -> None:
    async with fleet.inside(session_ttl_s=1) as node, balancer_before(node.port) as balancer:
        client = await js.open(balancer.url, token())
        await producer.say("c")
        await hears(client, producer.numbers())
        pid = (await client.state())["pid"]
        async with balancer.outage():
            await producer.say("c")
            key = node.node.link.keys.session(pid)
            await eventually(lambda: gone(node.node.link, key))
        await client.connected(2)
        await assert_not_recovered(client, pid)
        await producer.say("c")
        await eventually(lambda: heard(client)[-1] == 2)
        assert heard(client) == [0, 2]
        assert (await client.cut_and_back()).recovered
        await client.close()


async def gone(link: Any, key: str) -> bool:
    client = link.client(connections=1)
    try:
        return not await client.exists(key)
    finally:
        await client.aclose()


@pytest.mark.parametrize(
    "claim",
    [
        {"pid": "nobody-has-this-one"},
        {"pid": "x" * 100_000},
        {"offset": "garbage"},
        {"offset": "9999999999999-0"},
        {"offset": "18446744073709551615-18446744073709551615"},
        {"offset": 17},
        {"offset": {"ms": 1}},
        {"offset": "1-1-1"},
    ],
    ids=["unknown-pid", "long-pid", "garbage", "future", "end-of-time", "number", "object", "three-parts"],
)
async def test_a_claim_that_cannot_be_true_is_not_recovered(
    fleet: Fleet, js: Js, producer: Producer, claim: dict[str, Any]
) -> None:
    async with fleet.inside() as node:
        client = await js.open(node.url, token())
        await producer.say("c")
        await hears(client, producer.numbers())
        pid = (await client.state())["pid"]
        await client.auth(token=token(), **claim)
        await client.cut_and_back()
        await assert_not_recovered(client, pid)
        await producer.say("c")
        await hears(client, producer.numbers())
        await client.close()


async def test_another_users_pid_opens_nothing_and_its_owner_is_undisturbed(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    async with fleet.inside() as node:
        owner = await js.open(node.url, token("bob"))
        thief = await js.open(node.url, token("alice"))
        await producer.say("c", "bob")
        await hears(owner, producer.numbers())
        pid = (await owner.state())["pid"]
        await thief.auth(token=token("alice"), pid=pid, offset="0-0")
        await thief.cut_and_back()
        await assert_not_recovered(thief, pid)
        await producer.say("c", "bob")
        await hears(owner, producer.numbers())
        assert (await owner.cut_and_back()).recovered
        await producer.say("c", "bob")
        await hears(owner, producer.numbers())
        assert heard(thief) == []
        await owner.close()
        await thief.close()


async def test_after_a_goodbye_the_same_socket_begins_anew(fleet: Fleet, js: Js, producer: Producer) -> None:
    async with fleet.inside() as node:
        client = await js.open(node.url, token())
        pid = (await client.state())["pid"]
        await client.close()
        await eventually(lambda: not node.node.sessions.by_sid)
        await producer.say("c")
        await js.order("reopen", client.name)
        await client.connected(2)
        await assert_not_recovered(client, pid)
        assert heard(client) == []
        await client.close()


async def test_resume_false_gives_no_pid_and_handlers_exactly_one_argument(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    async with fleet.inside() as node:
        client = await js.begin(node.url, {"auth": {"token": token(), "resume": False}} | SWIFT)
        await client.connected()
        assert (await client.state()).get("pid") is None
        await producer.say_many("c", 3)
        await eventually(lambda: len(client.events) == 3)
        back = await client.cut_and_back()
        assert not back.recovered
        assert (await client.state()).get("pid") is None
        await producer.say("c")
        await eventually(lambda: len(client.events) == 4)
        assert all(len(event) == 2 and event[0] == "events" for event in client.events)
        await client.close()


async def test_a_client_with_stock_options_and_a_static_token_is_recovered(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    async with fleet.inside() as node, balancer_before(node.port) as balancer:
        client = await js.begin(balancer.url, {"auth": {"token": token()}})
        await client.connected()
        async with producer.flowing(["c"], per_s=50):
            await eventually(lambda: heard(client))
            balancer.cut()
            assert (await client.connected(2)).recovered
        first = heard(client)[0]
        await producer.say("c")
        await hears(client, producer.numbers()[first:])
        await client.close()


async def test_without_websocket_support_clients_stay_on_polling_and_resume(
    fleet: Fleet, js: Js, producer: Producer
) -> None:
    async with fleet.inside(enable_websocket_support=False) as node:
        client = await js.open(node.url, token(), UPGRADE)
        await producer.say("c")
        await hears(client, producer.numbers())
        assert (await client.state())["transport"] == "polling"
        assert (await client.cut_and_back()).recovered
        await producer.say("c")
        await hears(client, producer.numbers())
        refused = await js.begin(node.url, {"auth": {"token": token()}, "transports": WEBSOCKET, "path": SOCKET_PATH})
        await eventually(lambda: refused.errors)
        assert not refused.connects
        await client.close()
        await refused.close()


async def test_polling_upgrades_while_events_flow_and_loses_none(fleet: Fleet, js: Js, producer: Producer) -> None:
    async with fleet.inside() as node, producer.flowing(["c"]):
        for _ in range(10):
            client = await js.open(node.url, token(), UPGRADE)
            await eventually(lambda client=client: upgraded(client))
            await producer.go_on(10)
            got = heard(client)
            assert got == list(range(got[0], got[0] + len(got)))
            assert len(client.connects) == 1
            await client.close()


async def upgraded(client: JsClient) -> bool:
    return bool((await client.state())["transport"] == "websocket" and heard(client))


@pytest.mark.parametrize("transports", [POLLING, WEBSOCKET], ids=["polling", "ws"])
async def test_acknowledgements_of_user_join_and_events_chat(fleet: Fleet, js: Js, transports: list[str]) -> None:
    async with fleet.inside() as node:
        client = await js.open(node.url, token("alice"), transports)
        assert await client.ask("user-join", {"auth": {"token": token("alice")}}) == {"id": "alice", "name": "Alice"}
        assert await client.ask("user-join", {"auth": {"token": token("bob")}}) is False
        assert await client.ask("events:chat", {"chat_id": "nowhere", "data": {"type": "join"}}) is False
        assert await client.ask("events:chat", {"data": {}}) is False
        assert await client.ask("events:chat", "text") is False
        assert [event[0] for event in client.events] == ["error"] * 4
        assert len(client.connects) == 1
        await client.close()
