"""One client program, written against the contract alone: it runs the same over websocket and over polling."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.nodes import Api, Fleet, eventually
from tests.support.people import Person, people

TRANSPORTS = (["websocket"], ["polling"])


class Program:
    """alice's page on one node, bob's on the other, and the producer's calls to a third place: alice's HTTP node."""

    def __init__(self, alice: Person, bob: Person, api: Api) -> None:
        self.alice = alice
        self.bob = bob
        self.api = api

    async def joins(self) -> None:
        """`user-join`, `heartbeat`, `usage`, `join-channels`."""
        assert await self.alice.call("user-join", {"auth": {"token": self.alice.token}}) == {
            "id": "alice",
            "name": "Alice",
        }
        await self.alice.emit("heartbeat", {})
        await self.alice.emit("usage", {"model": "m-1"})
        await self.alice.emit("join-channels", {"auth": {"token": self.alice.token}})

        async def used() -> Any:
            return (await self.api.client.get("/api/usage")).json()["model_ids"] == ["m-1"]

        await eventually(used)

    async def streams_a_chat(self) -> str:
        """A chat, its events, and what a stranger is answered."""
        chat_id = await self.api.new_chat()
        assert await self.alice.chat(chat_id, "join") is True
        assert await self.bob.chat(chat_id, "join") is False
        for number in range(5):
            await self.api.emit(chat_id, "message", {"content": f"{number} "})
        await self.api.emit(chat_id, "chat:title", "Five numbers")
        await eventually(lambda: len(self.alice.of("message")) == 5)
        chat = await self.api.chat(chat_id)
        assert chat["title"] == "Five numbers"
        assert chat["chat"]["history"]["messages"]["m1"]["content"] == "0 1 2 3 4 "
        return chat_id

    async def is_cut(self, chat_id: str, url: str, transports: list[str]) -> None:
        """A cut in the middle: what was said meanwhile is heard once."""
        await self.alice.vanish()
        await self.api.emit(chat_id, "message", {"content": "5 "})
        await self.alice.open(url, self.alice.token, transports)
        assert self.alice.recovered
        await self.api.emit(chat_id, "message", {"content": "6 "})
        await eventually(lambda: len(self.alice.of("message")) >= 7)
        said = [body["data"]["data"]["content"] for body in self.alice.of("message")]
        assert said == [f"{number} " for number in range(7)]

    async def talks_in_a_channel(self) -> None:
        """A channel of two: a post and typing."""
        made = await self.api.client.post("/api/v1/channels/create", json={"name": "town"})
        channel = made.json()["id"]
        added = await self.api.client.post(f"/api/v1/channels/{channel}/update/members/add", json={"user_ids": ["bob"]})
        assert added.status_code == 200, added.text
        typing = {"type": "typing", "data": {"typing": True}}
        await self.alice.emit("events:channel", {"channel_id": channel, "message_id": None, "data": typing})
        await self.api.client.post(f"/api/v1/channels/{channel}/messages/post", json={"content": "hello"})

        def heard() -> set[str]:
            return {
                body["data"]["type"] for event, body in self.bob.got if event == "events:channel" and "data" in body
            }

        await eventually(lambda: {"typing", "message"} <= heard())

    async def answers_a_call(self, node: Any, chat_id: str) -> None:
        """`confirmation`, answered by the page."""
        self.alice.answers["confirmation"] = True
        info = {"user_id": "alice", "session_id": self.alice.get_sid(), "chat_id": chat_id, "message_id": "m1"}
        caller = await node.producer.get_event_call(info)
        assert await caller({"type": "confirmation", "data": {"title": "Sure?", "message": "Go on?"}}) is True

    async def gets_a_completion(self, chat_id: str) -> None:
        """`POST /api/chat/completions` with the embedded provider."""
        body = {
            "model": "echo",
            "messages": [{"role": "user", "content": "one two three"}],
            "stream": True,
            "chat_id": chat_id,
            "id": "m2",
            "session_id": self.alice.get_sid(),
        }
        answer = await self.api.client.post("/api/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["task_ids"]

        async def content() -> bool:
            message = (await self.api.chat(chat_id))["chat"]["history"]["messages"].get("m2", {})
            return bool(message.get("done") and message["content"] == "one two three")

        await eventually(content, 30)

    async def leaves(self, chat_id: str) -> None:
        """`leave`, and a payload that is no payload."""
        assert await self.alice.chat(chat_id, "leave") is True
        assert await asyncio.wait_for(self.alice.call("events:chat", "nonsense"), 10) is False
        assert self.alice.connected


@pytest.mark.parametrize("transports", TRANSPORTS, ids=lambda names: "+".join(names))
async def test_the_contract_holds_over_any_transport(fleet: Fleet, transports: list[str]) -> None:
    soon = {"websocket_server_ping_interval": 1.0}  # a polling client's goodbye waits for the next ping
    async with (
        fleet.inside(echo_words_s=500, **soon) as one,
        fleet.inside(**soon) as two,
        people(Person(), Person("bob")) as pair,
    ):
        alice, bob = pair
        await alice.open(one.url, alice.token, transports)
        await bob.open(two.url, bob.token, transports)
        api = Api(two.url)
        program = Program(alice, bob, api)
        await program.joins()
        chat_id = await program.streams_a_chat()
        await program.is_cut(chat_id, two.url, transports)
        await program.talks_in_a_channel()
        await program.answers_a_call(one.node, chat_id)
        await program.gets_a_completion(chat_id)
        await program.leaves(chat_id)
        await api.aclose()
