"""Completions that fail: each is told in the chat, or to the caller, and ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.completions import REQUEST, ask, asking, done, events_of, message_of, so_far
from tests.support.nodes import DEADLINE_S, Api, Fleet, eventually
from tests.support.provider import Conversation
from tests.support.provider_faults import (
    cuts,
    ends_early,
    fails,
    refuses_key,
    refuses_rate,
    refuses_request,
    reports_an_error,
    sends_garbage,
    sends_html,
    sends_no_newline,
    sends_nothing,
    stalls,
    stalls_at_once,
)
from tests.support.stalls import held, worker_waits

FAULTS = [
    (refuses_key, "", "The provider refused the key (401): Incorrect API key provided: ***"),
    (refuses_rate, "", "(429), try again in 7 seconds: Rate limit reached"),
    (fails, "", "The provider failed (500)."),
    (refuses_request, "", "The provider refused the request (400): unknown model"),
    (sends_garbage, "begun", "cannot be read: it has an event that is not JSON"),
    (sends_html, "", "cannot be read: it is no stream of completion events"),
    (sends_no_newline, "begun", "cannot be read: it has a line of more than 8 MiB"),
    (cuts, "begun", "The provider's answer was cut off."),
    (ends_early, "begun", "The provider's answer was cut off."),
    (stalls, "begun", "The provider has been silent for 0.5 seconds."),
    (stalls_at_once, "", "The provider has been silent for 0.5 seconds."),
    (sends_nothing, "", "The provider sent no answer."),
    (reports_an_error, "begun", "The provider reports an error: overloaded"),
]


@pytest.mark.parametrize(("script", "text", "told"), FAULTS, ids=[case[0].__name__ for case in FAULTS])
async def test_a_fault_of_the_provider_is_told_in_the_chat_and_ends_the_task(
    fleet: Fleet, script: Any, text: str, told: str
) -> None:
    async with asking(fleet, completion_idle_s=0.5) as (node, api, provider):
        provider.script = script
        chat = await api.new_chat()
        await ask(api, chat)
        message = await done(api, chat)
        assert told in message["error"]["content"]
        assert "sk-secret" not in message["error"]["content"]
        assert message["content"] == text
        assert (await events_of(api))[-1][0] == "chat:message:error"
        await eventually(lambda: len(node.node.tasks) == 0)
        assert (await api.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": []}


async def test_a_provider_that_cannot_be_reached_is_told_in_the_chat(fleet: Fleet) -> None:
    async with fleet.inside(openai_api_base_url="http://127.0.0.1:1/v1") as node:
        api = Api(node.url)
        chat = await api.new_chat()
        await ask(api, chat)
        assert (await done(api, chat))["error"]["content"] == "The provider cannot be reached."
        await api.aclose()


async def test_a_node_that_stops_closes_its_answers_as_interrupted(fleet: Fleet) -> None:
    async with fleet.inside() as other:
        api = Api(other.url)
        chat = await api.new_chat()
        async with asking(fleet) as (_node, asker, provider):
            provider.script = stalls
            await ask(asker, chat)
            await so_far(api, chat, "begun")
        message = await done(api, chat)
        assert (message["content"], message["interrupted"]) == ("begun", True)
        answer = await api.client.get("/api/v1/rooms/user:alice/events", params={"limit": 1000})
        told = [event["data"]["data"]["type"] for event in answer.json()["events"]]
        assert "chat:outlet" not in told, "a node that stops has no time to read the text"
        await api.aclose()


async def test_a_busy_node_says_so(fleet: Fleet) -> None:
    async with asking(fleet, completion_tasks=1) as (_node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        await ask(api, chat)
        answer = await api.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": "m2"})
        assert (answer.status_code, answer.json()["retryable"]) == (429, True)


async def test_of_several_answers_none_goes_on_when_one_cannot_begin(fleet: Fleet) -> None:
    async with asking(fleet, completion_tasks=1) as (node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        wanted = [{"model_id": "m", "message_id": name} for name in ("m1", "m2")]
        body = REQUEST | {"chat_id": chat, "message_ids": wanted}
        answer = await api.client.post("/api/chat/completions", json=body)
        assert (answer.status_code, answer.json()["retryable"]) == (429, True)
        await eventually(lambda: len(node.node.tasks) == 0)
        message = await message_of(api, chat)
        assert (message["done"], message["stopped"]) == (True, True)
        assert await message_of(api, chat, "m2") is None


@pytest.mark.parametrize("body", [{}, {"model": "m"}, {"model": "m", "messages": []}, {**REQUEST, "chat_id": "\n"}])
async def test_a_malformed_request_is_refused(fleet: Fleet, body: Any) -> None:
    async with fleet.inside() as node:
        api = Api(node.url)
        assert (await api.client.post("/api/chat/completions", json=body)).status_code == 400
        await api.aclose()


async def test_an_answer_that_finds_no_place_in_the_log_is_closed_when_a_worker_made_some(fleet: Fleet) -> None:
    async def endless(conversation: Conversation) -> None:
        await conversation.start()
        while True:
            await conversation.event(content="x")
            await asyncio.sleep(0.006)

    async with asking(fleet, room_cap=100, room_keep=20) as (node, api, provider):
        provider.script = endless
        chat = await api.new_chat()
        await ask(api, chat)
        await eventually(lambda: len(node.node.tasks) == 0)
        assert not (await message_of(api, chat))["done"]
        fleet.worker(room_cap=100, room_keep=20, sweep_interval_s=0.2)
        message = await done(api, chat)
        assert message["interrupted"]
        assert set(message["content"]) == {"x"}


async def test_a_stop_that_comes_while_a_failure_is_told_leaves_no_message_open(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.completions.recap.READ_S", DEADLINE_S)
    may_fail = asyncio.Event()

    async def cuts_later(conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(content="begun")
        await may_fail.wait()

    async with asking(fleet) as (node, api, provider):
        provider.script = cuts_later
        chat = await api.new_chat()
        task = await ask(api, chat)
        await so_far(api, chat, "begun")
        async with held(fleet.database_url, "rooms", reads=True):
            may_fail.set()
            await worker_waits(fleet.database_url)
            node.node.tasks.obey(task)
        await eventually(lambda: len(node.node.tasks) == 0)
        message = await message_of(api, chat)
        assert (message["content"], message["done"], message["stopped"]) == ("begun", True, True)


async def test_an_answer_ends_while_the_database_is_silent_and_cancels_no_read(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To cancel a read is to ask the server, and to wait for its answer: that is what a silent one does not give."""
    monkeypatch.setattr("app.completions.recap.READ_S", 0.1)
    may_end = asyncio.Event()

    async def ends_later(conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(content="begun")
        await may_end.wait()
        await conversation.finish()

    async with asking(fleet) as (node, api, provider):
        provider.script = ends_later
        chat = await api.new_chat()
        await ask(api, chat)
        await so_far(api, chat, "begun")
        async with held(fleet.database_url, "messages", reads=True):
            may_end.set()
            await eventually(lambda: len(node.node.tasks) == 0, DEADLINE_S)
            await worker_waits(fleet.database_url)
        assert (await done(api, chat))["content"] == "begun"
