"""Titles, tags and follow-ups behind an answer: told on the other node, stopped, and failing quietly."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.contract.clients import Listener, listening
from tests.integration.test_completion_browser import delta, scene
from tests.support.completions import ask, asking, done, events_of, message_of
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token
from tests.support.provider import Conversation, says

ALL = {"title_generation": True, "tags_generation": True, "follow_up_generation": True}
TITLE = {"title_generation": True}


def thinks(text: str) -> Any:
    """A script that answers the question by a word, and what comes behind it by this text."""

    async def script(conversation: Conversation) -> None:
        await says("Hello" if conversation.request["stream"] else text)(conversation)

    return script


async def stalls_behind(conversation: Conversation) -> None:
    """Answers the question, and never says another word."""
    if conversation.request["stream"]:
        await says("Hello")(conversation)
    else:
        await conversation.closed()


async def counted(node: LocalNode, kind: str, outcome: str) -> bool:
    async with httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        metrics = (await client.get("/metrics")).text
    lines = [line for line in metrics.splitlines() if line.startswith("roomlog_afterthoughts_total")]
    return any(f'kind="{kind}"' in line and f'outcome="{outcome}"' in line for line in lines)


def told_of(page: Listener, kind: str) -> list[Any]:
    return [body["data"]["data"] for body in page.of("events") if body["data"]["type"] == kind]


async def idle(*nodes: LocalNode) -> None:
    await eventually(lambda: all(len(node.node.tasks) == 0 for node in nodes))


async def test_they_reach_the_page_on_the_other_node_through_a_cut_and_are_stored(fleet: Fleet) -> None:
    fleet.worker()
    async with fleet.inside(echo_words_s=1000) as one, fleet.inside() as two, listening(two.url) as page:
        api = Api(one.url)
        chat = await api.new_chat()
        await page.drop()
        await ask(api, chat, background_tasks=ALL)
        await idle(one)
        await page.open(two.url, token(), transports=["websocket"])
        assert page.recovered
        title, tags = "Echo: one two three", ["echo"]
        follow_ups = ["What else?", "Why is that?", "And after one two three?"]
        await eventually(lambda: told_of(page, "chat:tags"))
        assert told_of(page, "chat:title") == [title]
        assert told_of(page, "chat:tags") == [tags]
        assert told_of(page, "chat:message:follow_ups") == [{"follow_ups": follow_ups}]

        async def stored() -> bool:
            found = await two.node.archive.chat(chat)
            return bool(found and found.title == title and list(found.tags) == tags)

        await eventually(stored)
        assert (await message_of(api, chat))["followUps"] == follow_ups
        await api.aclose()


@pytest.mark.parametrize("name", ["title", "tags", "follow_up"])
async def test_each_can_be_switched_off(fleet: Fleet, name: str) -> None:
    async with fleet.inside(echo_words_s=1000, **{f"enable_{name}_generation": False}) as node:
        api = Api(node.url)
        chat = await api.new_chat()
        await ask(api, chat, background_tasks=ALL)
        await done(api, chat)
        await idle(node)
        told = {kind for kind, _ in await events_of(api)}
        off = {"title": "chat:title", "tags": "chat:tags", "follow_up": "chat:message:follow_ups"}[name]
        assert {"chat:title", "chat:tags", "chat:message:follow_ups"} - told == {off}
        await api.aclose()


async def test_nothing_is_made_that_the_page_did_not_ask_for(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, provider):
        chat = await api.new_chat()
        await ask(api, chat, background_tasks={"title_generation": False, "tags": True})
        await done(api, chat)
        await idle(node)
        assert len(provider.conversations) == 1


async def test_another_model_may_do_it(fleet: Fleet) -> None:
    async with asking(fleet, task_model="small") as (node, api, provider):
        provider.script = thinks('Here: {"title": "A greeting"}')
        chat = await api.new_chat()
        await ask(api, chat, background_tasks=TITLE)
        await idle(node)
        assert (await api.chat(chat))["title"] == "A greeting"
        first, second = (conversation.request for conversation in provider.conversations)
        assert (first["model"], second["model"], second["stream"]) == ("m", "small", False)
        assert "background_tasks" not in first
        assert second["messages"][1]["content"] == "USER: one two three\nASSISTANT: Hello"


async def refuses_behind(conversation: Conversation) -> None:
    if conversation.request["stream"]:
        await says("Hello")(conversation)
    else:
        await conversation.whole(429, b'{"error": {"message": "Rate limit reached"}}')


@pytest.mark.parametrize(
    ("script", "outcome"),
    [(thinks("I would call it Fish."), "unreadable"), (refuses_behind, "provider_error"), (stalls_behind, "timeout")],
    ids=["unreadable", "refused", "silent"],
)
async def test_one_that_fails_is_counted_and_changes_nothing_for_the_user(
    fleet: Fleet, script: Any, outcome: str
) -> None:
    async with asking(fleet, afterthought_s=0.5) as (node, api, provider):
        provider.script = script
        chat = await api.new_chat("as it was")
        await ask(api, chat, background_tasks=TITLE)
        message = await done(api, chat)
        await idle(node)
        assert (await api.chat(chat))["title"] == "as it was"
        assert await message_of(api, chat) == message
        assert (message["content"], message["error"]) == ("Hello", None)
        assert (await events_of(api))[-1][0] == "chat:completion"
        assert await counted(node, "title", outcome)


async def test_a_stop_from_the_other_node_ends_them_and_the_answer_stays_complete(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, provider), fleet.inside() as two:
        provider.script = stalls_behind
        chat = await api.new_chat()
        task = await ask(api, chat, background_tasks=ALL)
        message = await done(api, chat)
        await eventually(lambda: len(provider.conversations) == 2)
        other = Api(two.url)
        assert (await other.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"
        await idle(node)
        assert len(provider.conversations) == 2
        assert await message_of(other, chat) == message
        assert not message["error"]
        await other.aclose()


async def test_a_browser_is_asked_for_them_with_its_own_model(fleet: Fleet) -> None:
    async with scene(fleet, task_model="small") as s:
        asked: list[Any] = []

        async def answer(body: Any) -> Any:
            asked.append(body["data"]["data"]["form_data"])
            if not asked[-1]["stream"]:
                return {"choices": [{"message": {"content": '{"title": "From home"}'}}]}
            channel = body["data"]["data"]["channel"]
            s.alice.sending.append(asyncio.ensure_future(send(channel)))
            return {"status": True}

        async def send(channel: str) -> None:
            for line in (delta("Hello"), "data: [DONE]", {"done": True}):
                await s.alice.emit(channel, line)

        s.alice.answers["request:chat:completion"] = answer
        await s.ask(background_tasks=TITLE)
        await s.done()
        await idle(s.one)
        assert (await s.there.chat(s.chat))["title"] == "From home"
        assert [form["model"] for form in asked] == ["own", "own"]


async def test_follow_ups_of_a_run_that_was_replaced_are_not_told_and_the_title_is(fleet: Fleet) -> None:
    """ "Continue" is pressed while what comes behind the answer is still being made."""
    release = asyncio.Event()

    async def slowly(conversation: Conversation) -> None:
        if not conversation.request["stream"]:
            await release.wait()
            await says('{"follow_ups": ["stale?"], "title": "Fish"}')(conversation)
        else:
            await says("Hello")(conversation)

    async with asking(fleet) as (node, api, provider):
        provider.script = slowly
        chat = await api.new_chat()
        await ask(api, chat, background_tasks={"follow_up_generation": True, "title_generation": True})
        await done(api, chat)
        await ask(api, chat)
        await eventually(lambda: len(node.node.tasks) == 1)
        release.set()
        await idle(node)
        assert (await api.chat(chat))["title"] == "Fish"
        assert (await message_of(api, chat))["followUps"] == []
        assert await counted(node, "follow_ups", "replaced")
        client = node.node.link.client(connections=1)
        assert [key async for key in client.scan_iter(match=f"{fleet.key_prefix}:*:run:*", count=1000)] == []
