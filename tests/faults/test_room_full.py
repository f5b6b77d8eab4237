"""A room that nobody folds refuses appends, loudly, and loses nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from streams.errors import RoomFull
from tests.contract.clients import calling, listening
from tests.support.nodes import Fleet, eventually

CAP = 100


async def test_a_full_room_answers_429_with_retry_after_and_takes_appends_again_once_it_is_folded(fleet: Fleet) -> None:
    settings = {"room_cap": CAP, "room_keep": 10}
    async with fleet.inside(**settings) as node, listening(node.url) as client, calling(node.url) as api:
        chat = await api.new_chat()
        for number in range(CAP - 1):
            await api.emit(chat, "message", {"content": f"{number},"})
        path = f"/api/v1/chats/{chat}/messages/m1/event"
        body = {"type": "message", "data": {"content": "99,"}}
        for _ in range(3):
            refused = await api.client.post(path, json=body, headers={"Idempotency-Key": "the last"})
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) >= 1
            assert refused.json() | {"detail": ""} == {"detail": "", "code": "room_full", "retryable": True}
        full = [f"{number}," for number in range(CAP - 1)]
        await eventually(lambda: client.contents == full)
        assert _text(await api.chat(chat)) == "".join(full)

        fleet.worker(**settings, sweep_interval_s=0.1)

        async def taken() -> bool:
            answer = await api.client.post(path, json=body, headers={"Idempotency-Key": "the last"})
            return answer.status_code == 200

        await eventually(taken, 30)
        await eventually(lambda: len(client.contents) >= CAP)
        assert client.contents == [*full, "99,"]
        assert _text(await api.chat(chat)) == "".join(client.contents)


async def test_a_viewers_full_room_refuses_the_event_instead_of_hiding_it_from_the_viewers(fleet: Fleet) -> None:
    async with fleet.inside(room_cap=CAP, room_keep=10) as node, calling(node.url) as api:
        chat = await api.new_chat()
        async with listening(node.url, "admin", role="admin") as viewer:
            assert await viewer.call("events:chat", {"chat_id": chat, "data": {"type": "join"}})
            for number in range(CAP - 10):
                await node.node.emitter.publish(f"chat:{chat}", "filler", {"n": number}, True, None)
            accepted = []
            for number in range(20):
                answer = await api.client.post(
                    f"/api/v1/chats/{chat}/messages/m1/event",
                    json={"type": "message", "data": {"content": f"{number}"}},
                )
                if answer.status_code == 200:
                    accepted.append(f"{number}")
                else:
                    assert answer.status_code == 429
            assert len(accepted) == 10
            await eventually(lambda: len(viewer.contents) >= 10)
            assert viewer.contents == accepted


async def test_a_cap_holds_within_one_batch(fleet: Fleet) -> None:
    async with fleet.inside(room_cap=CAP, room_keep=10) as node:
        appends = (node.node.emitter.publish("chat:x", "e", {}, True, None) for _ in range(150))
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert sum(isinstance(outcome, RoomFull) for outcome in outcomes) == 50
        assert await node.node.reader.length("chat:x") == CAP


def _text(chat: Any) -> str:
    return str(chat["chat"]["history"]["messages"]["m1"]["content"])
