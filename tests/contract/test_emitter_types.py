"""The emitter's types, by the contract's table: what a client on another node gets, through a cut, and what is kept.

Every type is told of three times: to a client that is there, while its link is cut, and when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from app.emitter import EPHEMERAL_TYPES
from archive.wire import to_wire
from tests.contract.clients import Listener, listening
from tests.contract.test_chats import calling, join, share, two
from tests.integration.test_calls import CALLS
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token

ROUNDS = 3


@dataclass(frozen=True)
class Told:
    """A durable type. data: of its three events. kept: fields of its message in GET after them; None: no message.

    chat: fields of the chat that it sets.
    """

    kind: str
    data: tuple[Any, Any, Any]
    kept: dict[str, Any] | None = None
    chat: dict[str, Any] = field(default_factory=dict)


ONE, TWO, THREE = ({"n": number} for number in (1, 2, 3))
MORE = {"status": "running"}


def _answer(delta: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": delta}


def _files(name: str) -> tuple[Any, Any, Any]:
    return {name: [ONE]}, {name: [TWO, THREE]}, {name: []}


DURABLE = (
    Told("message", ({"content": "one "}, {"content": "two "}, {"content": "three"}), {"content": "one two three"}),
    Told("chat:message:delta", ({"content": "a"}, {"content": "b"}, {"content": "c"}), {"content": "abc"}),
    Told("replace", ({"content": "a"}, {"content": "b"}, {"content": "c"}), {"content": "c"}),
    Told("chat:message", ({"content": "a"}, {"content": "b"}, {"content": "c"}), {"content": "c"}),
    Told(
        "status",
        ({"description": "a"}, {"description": "b", "done": True}, {"description": "c", "hidden": True}),
        {
            "statusHistory": [
                {"description": "a"},
                {"description": "b", "done": True},
                {"description": "c", "hidden": True},
            ]
        },
    ),
    Told("source", (ONE, TWO, THREE), {"sources": [ONE, TWO, THREE]}),
    Told("citation", (ONE, TWO, THREE), {"sources": [ONE, TWO, THREE]}),
    Told(
        "source",
        tuple({"type": "code_execution", "id": name} | more for name, more in (("x", {}), ("y", {}), ("x", MORE))),  # type: ignore[arg-type]  # three
        {
            "code_executions": [{"type": "code_execution", "id": "x"} | MORE, {"type": "code_execution", "id": "y"}],
            "sources": [],
        },
    ),
    Told("files", _files("files"), {"files": [ONE, TWO, THREE]}),
    Told("chat:message:files", _files("files"), {"files": [ONE, TWO, THREE]}),
    Told("embeds", _files("embeds"), {"embeds": [ONE, TWO, THREE]}),
    Told(
        "chat:message:embeds",
        ({"embeds": [ONE]}, {"embeds": [TWO], "replace": True}, {"embeds": [THREE]}),
        {"embeds": [TWO, THREE]},
    ),
    Told(
        "chat:completion",
        (
            {"content": "so", "output": [ONE]},
            {"content": "so far", "sources": [TWO], "selected_model_id": "m", "title": "By a completion"},
            {"done": True, "usage": {"total_tokens": 3}},
        ),
        {
            "content": "so far",
            "output": [ONE],
            "sources": [TWO],
            "selectedModelId": "m",
            "done": True,
            "usage": {"total_tokens": 3},
            "error": None,
        },
        {"title": "By a completion"},
    ),
    Told("chat:completion", ({}, {"error": {"content": "x"}}, {}), {"error": {"content": "x"}, "done": False}),
    Told(
        "response:completion",
        (_answer("Hel"), _answer("lo"), {"type": "response.output_item.done", "item": ONE}),
        {"content": "Hello", "output": [ONE], "done": False},
    ),
    Told(
        "response:completion",
        (
            _answer("x"),
            {"type": "response.created"},
            {"type": "response.completed", "response": {"usage": ONE}, "done": True},
        ),
        {"content": "x", "usage": ONE, "done": True},
    ),
    Told(
        "chat:message:error",
        ({"error": ONE}, {"error": TWO}, {"error": {"content": "no"}}),
        {"error": {"content": "no"}, "done": True},
    ),
    Told(
        "chat:message:follow_ups",
        ({"follow_ups": ["a"]}, {"follow_ups": ["b"]}, {"follow_ups": ["c", "d"]}),
        {"followUps": ["c", "d"]},
    ),
    Told("chat:tasks:cancel", ({}, {"output": [ONE]}, {}), {"done": True, "stopped": True, "output": [ONE]}),
    Told("chat:title", ("one", "two", "three"), None, {"title": "three"}),
    Told("chat:tags", (["a"], ["b"], ["a", "c"]), None, {"tags": ["a", "c"]}),
    Told(
        "chat:messages",
        tuple(
            {"messages": {f"turn {n}": {"role": "user", "content": f"{n}", "parentId": None}}, "currentId": f"turn {n}"}
            for n in (1, 2, 3)
        ),  # type: ignore[arg-type]  # three
        None,
        {"currentId": "turn 3"},
    ),
    *(
        Told(kind, (ONE, TWO, THREE))
        for kind in (
            "chat:active",
            "chat:outlet",
            "chat:list",
            "chat:reload",
            "notification",
            "chat:access",
            "a:type:of:tomorrow",
        )
    ),
)
"""The table of docs/contract.md §5, and a type that nobody knows yet."""

SIGNALLED = tuple(sorted(EPHEMERAL_TYPES))
CALLED = (*CALLS, "request:interaction:done", "execute:something:new")


@dataclass(frozen=True)
class Scene:
    """alice's producer on the one node; her page, and the one of bob, who may look at the chat, on the other."""

    one: LocalNode
    other: LocalNode
    api: Api
    alice: Listener
    bob: Listener
    chat: str

    @asynccontextmanager
    async def cut(self) -> AsyncIterator[None]:
        """Both are away while the block runs, and recovered."""
        await self.alice.drop()
        await self.bob.drop()
        yield
        for listener, name in ((self.alice, "alice"), (self.bob, "bob")):
            await listener.open(self.other.url, token(name), transports=["websocket"])
            assert listener.recovered

    async def ends(self) -> None:
        """Wait until everything before now has come to both: an event of its own has."""
        await self.api.emit(self.chat, "the end", {}, "-")
        await eventually(lambda: all(heard(listener)[-1:] == [("-", "the end", {})] for listener in self.both))

    @property
    def both(self) -> tuple[Listener, Listener]:
        return self.alice, self.bob


@asynccontextmanager
async def scene(fleet: Fleet) -> AsyncIterator[Scene]:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,):
        chat = await api.new_chat()
        await share(api, chat, bob="read")
        async with listening(other.url, "alice") as alice, listening(other.url, "bob") as bob:
            assert await join(alice, chat)
            assert await join(bob, chat)
            await eventually(lambda: {"alice", "bob"} <= set(_present(bob)))
            alice.got.clear()
            bob.got.clear()
            yield Scene(one, other, api, alice, bob, chat)


def _present(listener: Listener) -> list[str]:
    told = [body for body in listener.of("events") if body["data"]["type"] == "chat:presence"]
    return [user["id"] for user in told[-1]["data"]["data"]["users"]] if told else []


def heard(listener: Listener) -> list[tuple[str, str, Any]]:
    """Message, type and data of every `events` that came, in order; what the node tells of presence left out."""
    bodies = [body for body in listener.of("events") if "message_id" in body]
    return [(body["message_id"], body["data"]["type"], body["data"]["data"]) for body in bodies]


async def test_every_durable_type_arrives_once_in_order_through_a_cut_and_is_folded_as_the_table_says(
    fleet: Fleet,
) -> None:
    said: list[tuple[str, str, Any]] = []
    positions: list[str] = []
    async with scene(fleet) as it:

        async def tell(number: int) -> None:
            for name, told in enumerate(DURABLE):
                said.append((f"m{name}", told.kind, told.data[number]))
                positions.append(await it.api.emit(it.chat, told.kind, told.data[number], f"m{name}"))

        await tell(0)
        await eventually(lambda: all(len(heard(listener)) == len(said) for listener in it.both))
        async with it.cut():
            await tell(1)
        await tell(2)
        await it.ends()
        for listener in it.both:
            assert heard(listener)[:-1] == said
        durable = [arguments for event, arguments in it.alice.got if event == "events" and len(arguments) == 2]
        assert [position for _, position in durable][:-1] == positions, (
            "each has its position, the one that was answered"
        )
        shared = {body["data"]["type"] for body, _ in durable if "shared" in body}
        assert shared == {"chat:messages"}, "the owner's page gets no copy, and takes a turn only as shared"
        copies = [arguments for event, arguments in it.bob.got if event == "events" and "message_id" in arguments[0]]
        assert all((body["user_id"], body["shared"]) == ("alice", True) for body, _position in copies)
        unfolded = await agreed(it)
        await folded(fleet, it)
        assert await agreed(it) == unfolded
        stored = await it.one.node.archive.chat(it.chat)
        assert stored is not None
        assert to_wire(stored)["chat"]["history"]["messages"].keys() == unfolded["messages"].keys()
        assert stored.title == unfolded["title"], "GET did not make it up from the log"


async def agreed(it: Scene) -> Any:
    """What both nodes answer of the chat, which must be what the table says."""
    async with calling(it.other.url, "alice") as (reader,):
        chats = [await api.chat(it.chat) for api in (it.api, reader)]
    assert chats[0]["chat"] == chats[1]["chat"]
    history = chats[0]["chat"]["history"]
    shown = {"title": chats[0]["title"], "tags": chats[0]["chat"]["tags"], "currentId": history["currentId"]}
    messages = history["messages"]
    for name, told in enumerate(DURABLE):
        message = messages.get(f"m{name}")
        if told.kept is None:
            assert message is None, told.kind
        else:
            assert message is not None, told.kind
            assert {key: message.get(key) for key in told.kept} == told.kept, told.kind
    wanted: dict[str, Any] = {}
    for told in DURABLE:
        wanted |= told.chat
    assert shown == wanted
    turns = {key: message["content"] for key, message in messages.items() if key.startswith("turn")}
    assert turns == {f"turn {n}": str(n) for n in (1, 2, 3)}
    return shown | {"messages": messages}


async def folded(fleet: Fleet, it: Scene) -> None:
    """Have a real worker fold it all: an event that changes nothing is acknowledged when the database is past it."""
    fleet.worker(fold_window_ms=20)
    path = f"/api/v1/chats/{it.chat}/messages/-/event?ack=sql"
    async with asyncio.timeout(60):
        while (answer := await it.api.client.post(path, json={"type": "chat:active", "data": {}})).status_code == 504:
            pass
    assert answer.status_code == 200, answer.text


async def test_no_ephemeral_type_and_no_call_has_a_position_or_is_replayed_or_stored(fleet: Fleet) -> None:
    kinds = (*SIGNALLED, *CALLED)
    async with scene(fleet) as it:
        before = await it.api.chat(it.chat)

        async def tell(data: Any) -> None:
            for kind in kinds:
                path = f"/api/v1/chats/{it.chat}/messages/m1/event"
                answer = await it.api.client.post(path, json={"type": kind, "data": data})
                assert (answer.status_code, answer.json()) == (200, {"position": None}), kind

        await tell(ONE)
        await eventually(lambda: len(heard(it.alice)) == len(kinds))
        assert heard(it.alice) == [("m1", kind, ONE) for kind in kinds]
        assert [len(arguments) for event, arguments in it.alice.got if event == "events"] == [1] * len(
            it.alice.of("events")
        )
        assert await it.api.chat(it.chat) == before
        async with it.cut():
            await tell(TWO)
        await it.ends()
        assert heard(it.alice)[len(kinds) :] == [("-", "the end", {})]
        assert heard(it.bob)[:-1] == [("m1", kind, ONE) for kind in SIGNALLED], "calls are for the owner's pages only"
        listed = (await it.api.client.get("/api/v1/rooms/user:alice/events?limit=1000")).json()["events"]
        stored = [event["data"].get("data", {}).get("type") for event in listed if event["event"] == "events"]
        assert not set(stored) & set(kinds)
        assert (await it.api.chat(it.chat))["chat"]["history"] == before["chat"]["history"]


async def test_many_emits_at_once_on_one_message_by_both_nodes_are_all_kept(fleet: Fleet) -> None:
    async with scene(fleet) as it, calling(it.other.url, "alice") as (there,):
        emits = [
            api.emit(it.chat, kind, {"content": f"{number} ", "n": number})
            for kind in ("message", "source", "status")
            for number, api in enumerate([it.api, there] * 20)
        ]
        await asyncio.gather(*emits)
        await it.ends()
        for listener in it.both:
            numbers = sorted((kind, data["n"]) for _, kind, data in heard(listener)[:-1])
            assert numbers == sorted((kind, n) for kind in ("message", "source", "status") for n in range(40))

        async def kept() -> Any:
            return (await there.chat(it.chat))["chat"]["history"]["messages"]["m1"]

        before = await kept()
        assert before["content"] == "".join(data["content"] for _, kind, data in heard(it.alice) if kind == "message")
        for name in ("sources", "statusHistory"):
            assert sorted(found["n"] for found in before[name]) == list(range(40))
        await folded(fleet, it)
        assert await kept() == before
