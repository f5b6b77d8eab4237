"""History that is gone is said to be gone: never a partial replay that calls itself complete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.entry import Position
from tests.contract.clients import Listener, calling
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token


async def test_a_client_behind_the_trimmed_history_is_not_recovered_and_gets_no_part_of_it(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api, _away(node, api) as (client, chat, positions):
        await node.node.rooms.trim("user:alice", positions[5])
        await client.open(node.url, token())
        await api.emit(chat, "message", {"content": "after"})
        await eventually(lambda: "after" in client.contents)
        assert not client.recovered
        assert client.contents == ["0", "after"]
        assert [reset["rooms"] for reset in client.of("room:reset")] == [["user:alice"]]
        snapshot = await api.client.get("/api/v1/rooms/user:alice/events", params={"after": str(positions[4])})
        assert [event["position"] for event in snapshot.json()["events"]][:5] == [str(p) for p in positions[5:]]


async def test_a_client_just_before_the_trimmed_history_is_recovered(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api, _away(node, api) as (client, _, positions):
        await node.node.rooms.trim("user:alice", positions[1])  # the client has had positions[0]
        await client.open(node.url, token())
        assert client.recovered
        await eventually(lambda: "9" in "".join(client.contents))
        assert "".join(client.contents) == "0123456789"


async def test_a_client_behind_a_room_of_which_nothing_is_left_is_not_recovered(fleet: Fleet) -> None:
    async with fleet.inside() as node, calling(node.url) as api, _away(node, api) as (client, _, positions):
        await node.node.rooms.trim("user:alice", Position(positions[-1].ms + 1, 0))
        await client.open(node.url, token())
        assert not client.recovered
        await eventually(lambda: client.of("room:reset"))


@pytest.mark.parametrize("route", ["events", "events/stream"])
async def test_http_answers_410_with_where_the_state_is_for_history_that_is_gone(fleet: Fleet, route: str) -> None:
    async with fleet.inside() as node, calling(node.url) as api, _away(node, api) as (_client, chat, positions):
        worker = fleet.worker()
        assert await node.node.folded.wait("user:alice", positions[-1], 30)
        worker.stop()
        await node.node.rooms.trim("user:alice", positions[5])
        answer = await api.client.get(f"/api/v1/rooms/user:alice/{route}", params={"after": str(positions[2])})
        assert answer.status_code == 410
        body = answer.json()
        assert body["error"]
        assert "snapshot" in body
        assert Position.parse(body["position"]) >= positions[-1]
        assert {"detail", "code", "retryable"} <= body.keys()

        viewed = await node.node.emitter.publish(f"chat:{chat}", "note", {"n": 1}, True, None)
        assert viewed is not None
        await node.node.emitter.publish(f"chat:{chat}", "note", {"n": 2}, True, None)
        await node.node.rooms.trim(f"chat:{chat}", Position(viewed.position.ms, viewed.position.seq + 1))
        answer = await api.client.get(f"/api/v1/rooms/chat:{chat}/{route}", params={"after": str(positions[-1])})
        assert answer.status_code == 410
        snapshot = await api.client.get(answer.json()["snapshot"])
        assert snapshot.json()["id"] == chat


@asynccontextmanager
async def _away(node: LocalNode, api: Api) -> AsyncIterator[tuple[Listener, str, list[Position]]]:
    """A client that had the first of ten messages and went away; the chat; the ten positions."""
    chat = await api.new_chat()
    async with Listener() as client:
        await client.open(node.url, token())
        positions = [Position.parse(await api.emit(chat, "message", {"content": "0"}))]
        await eventually(lambda: client.contents == ["0"])
        await client.drop()
        positions += [
            Position.parse(await api.emit(chat, "message", {"content": f"{number}"})) for number in range(1, 10)
        ]
        yield client, chat, positions
