"""Completions and tasks of a shared chat, tried by whom it was shared with, from the other node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contract.clients import Listener, listening
from tests.contract.test_chats import join, share
from tests.support.completions import REQUEST, ask, asking, done, events_of, message_of, so_far
from tests.support.nodes import Api, Fleet, eventually
from tests.support.provider_faults import stalls


@dataclass(frozen=True)
class Shared:
    """alice's chat, on one node; a reader and a writer of it, on the other."""

    owner: Api
    reader: Api
    writer: Api
    chat: str
    page: Listener
    """The writer's, in the chat's room."""


@asynccontextmanager
async def shared(fleet: Fleet) -> AsyncIterator[Shared]:
    async with asking(fleet) as (_one, owner, _provider), asking(fleet) as (two, _, others):
        others.script = stalls
        reader, writer = Api(two.url, "rita"), Api(two.url, "will")
        chat = await owner.new_chat()
        await share(owner, chat, rita="read", will="write")
        async with listening(two.url, "will") as page:
            assert await join(page, chat)
            yield Shared(owner, reader, writer, chat, page)
        await reader.aclose()
        await writer.aclose()


async def completes(api: Api, chat: str, **more: Any) -> httpx.Response:
    return await api.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": "m1"} | more)


async def test_a_reader_completes_stops_and_learns_nothing(fleet: Fleet) -> None:
    async with shared(fleet) as s:
        assert (await completes(s.reader, s.chat)).status_code == 404
        assert await message_of(s.owner, s.chat) is None
        task = await ask(s.writer, s.chat)
        await so_far(s.owner, s.chat, "begun")
        assert (await s.reader.client.get(f"/api/tasks/chat/{s.chat}")).json() == {"task_ids": []}
        assert (await s.reader.client.get("/api/tasks")).json() == {"tasks": []}
        assert (await s.reader.client.post(f"/api/tasks/chat/{s.chat}/stop")).status_code == 404
        assert (await s.reader.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "over"
        assert (await s.owner.client.get(f"/api/tasks/chat/{s.chat}")).json() == {"task_ids": [task]}


async def test_a_writer_completes_and_the_answer_is_the_owners_and_comes_once_to_the_writers_page(fleet: Fleet) -> None:
    async with shared(fleet) as s:
        task = await ask(s.writer, s.chat, session_id=s.page.get_sid())
        await so_far(s.owner, s.chat, "begun")
        assert (await s.writer.client.get(f"/api/tasks/chat/{s.chat}")).json() == {"task_ids": [task]}
        assert (await s.owner.client.get("/api/tasks")).json() == {"tasks": [task]}
        answer = await s.writer.client.post(f"/api/tasks/stop/{task}")
        assert answer.json()["outcome"] == "stopped"
        assert (await done(s.owner, s.chat))["stopped"]
        assert [kind for kind, _ in await events_of(s.owner)][-1] == "chat:tasks:cancel"

        def told() -> list[str]:
            bodies = [body for body in s.page.of("events") if body.get("shared")]
            return [
                body["data"]["type"] for body in bodies if body["data"]["type"] not in ("chat:active", "chat:outlet")
            ]

        await eventually(lambda: "chat:tasks:cancel" in told())
        assert told() == ["chat:messages", "chat:message", "chat:message:delta", "chat:tasks:cancel"]


async def test_a_writer_stops_all_of_the_chat_and_the_owner_stops_the_writers_task(fleet: Fleet) -> None:
    async with shared(fleet) as s:
        task = await ask(s.writer, s.chat)
        stopped = (await s.writer.client.post(f"/api/tasks/chat/{s.chat}/stop")).json()
        assert stopped["outcomes"] == {task: "stopped"}
        task = await ask(s.writer, s.chat, "m2")
        assert (await s.owner.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"


async def test_a_writer_whose_access_was_taken_away_completes_and_stops_nothing_more(fleet: Fleet) -> None:
    async with shared(fleet) as s:
        task = await ask(s.writer, s.chat)
        await share(s.owner, s.chat, rita="read")
        assert (await completes(s.writer, s.chat)).status_code == 404
        assert (await s.writer.client.get(f"/api/tasks/chat/{s.chat}")).status_code == 404
        assert (await s.writer.client.post(f"/api/tasks/chat/{s.chat}/stop")).status_code == 404
        assert (await s.writer.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "over"
        assert (await s.owner.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"


async def test_an_owner_has_no_use_for_a_writers_session(fleet: Fleet) -> None:
    async with shared(fleet) as s:
        answer = await completes(s.owner, s.chat, session_id=s.page.get_sid())
        assert (answer.status_code, answer.json()["code"]) == (403, "not_your_session")
