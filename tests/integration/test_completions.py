"""Completions on real nodes: from a provider into a message, which goes on, is replaced, and is seen by viewers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cli.resuming import ResumingClient
from tests.support.completions import REQUEST, ask, asking, done, events_of, message_of, so_far
from tests.support.nodes import Api, Fleet, eventually, token
from tests.support.provider import Conversation, says
from tests.support.provider_faults import cuts


async def test_an_answer_streams_into_its_message(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        chat = await api.new_chat()
        await ask(api, chat, temperature=0.5, session_id="s", background_tasks={"title": True})
        message = await done(api, chat)
        assert message["content"] == "Hello world"
        assert message["model"] == "m"
        assert (await api.chat(chat))["chat"]["history"]["currentId"] == "m1"
        sent = provider.conversations[0]
        assert sent.request == REQUEST | {"temperature": 0.5}
        assert "authorization: bearer sk-secret" in sent.head.lower()
        kinds = [kind for kind, _ in await events_of(api)]
        assert kinds[1:3] == ["chat:messages", "chat:message"]
        assert set(kinds[3:-1]) == {"chat:message:delta"}
        assert kinds[-1] == "chat:completion"


async def test_the_embedded_provider_needs_no_key(fleet: Fleet) -> None:
    async with fleet.inside(echo_words_s=1000) as node:
        api = Api(node.url)
        chat = await api.new_chat()
        await ask(api, chat)
        message = await done(api, chat)
        assert message["content"] == "one two three"
        assert message["usage"]["completion_tokens"] == 3
        await api.aclose()


async def test_reasoning_calls_and_usage_are_passed_on_and_kept(fleet: Fleet) -> None:
    async def script(conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(reasoning_content="hm")
        await conversation.event(content="yes")
        await conversation.event(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{"}}])
        await conversation.event(tool_calls=[{"index": 0, "function": {"arguments": "}"}}])
        await conversation.data({"choices": [], "usage": {"total_tokens": 9}})
        await conversation.finish("tool_calls")

    async with asking(fleet) as (_node, api, provider):
        provider.script = script
        chat = await api.new_chat()
        await ask(api, chat)
        message = await done(api, chat)
        assert message["content"] == "yes"
        assert message["usage"] == {"total_tokens": 9}
        assert [item["type"] for item in message["output"]] == ["reasoning", "message", "function_call"]
        assert message["output"][2]["arguments"] == "{}"
        deltas = [d for kind, d in await events_of(api) if kind == "response:completion"]
        assert {"response.reasoning_text.delta", "response.function_call_arguments.delta"} <= {
            d["type"] for d in deltas
        }


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_is_not_streamed_comes_at_once(fleet: Fleet, stream: bool) -> None:
    async def script(conversation: Conversation) -> None:
        body = b'\n {"choices": [{"message": {"content": "whole"}}], "usage": {"total_tokens": 2}}'
        await conversation.whole(200, body)

    async with asking(fleet) as (_node, api, provider):
        provider.script = script
        chat = await api.new_chat()
        await ask(api, chat, stream=stream)
        message = await done(api, chat)
        assert (message["content"], message["usage"]) == ("whole", {"total_tokens": 2})


async def test_a_second_answer_replaces_what_the_first_left(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        provider.script = cuts
        chat = await api.new_chat()
        await ask(api, chat)
        assert (await done(api, chat))["error"]
        provider.script = says("again")
        await ask(api, chat)

        async def again() -> Any:
            message = await message_of(api, chat)
            return message if message["content"] == "again" and message["done"] else None

        assert (await eventually(again))["error"] is None


async def test_a_request_that_ends_with_the_assistant_goes_on_where_it_was(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        chat = await api.new_chat()
        await ask(api, chat)
        await done(api, chat)
        provider.script = says(" and more")
        said = {"role": "assistant", "content": "Hello world"}
        await ask(api, chat, messages=[*REQUEST["messages"], said])  # type: ignore[misc]

        async def more() -> bool:
            message = await message_of(api, chat)
            return bool(message["content"] == "Hello world and more" and message["done"])

        await eventually(more)


async def test_a_late_token_of_an_old_run_is_refused(fleet: Fleet) -> None:
    late = asyncio.Event()

    async def first(conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(content="old")
        await late.wait()
        await conversation.event(content=" late")
        await conversation.finish()

    async with asking(fleet) as (node, api, provider):
        provider.script = first
        chat = await api.new_chat()
        await ask(api, chat)
        await so_far(api, chat, "old")
        provider.script = says("new")
        await ask(api, chat)
        message = await done(api, chat)
        late.set()
        await eventually(lambda: len(node.node.tasks) == 0)
        assert message["content"] == (await message_of(api, chat))["content"] == "new"


async def test_the_stream_goes_on_when_the_caller_has_left(fleet: Fleet) -> None:
    go_on = asyncio.Event()

    async def script(conversation: Conversation) -> None:
        await conversation.start()
        await go_on.wait()
        await conversation.event(content="still here")
        await conversation.finish()

    async with asking(fleet) as (node, api, provider):
        provider.script = script
        chat = await api.new_chat()
        leaver = Api(node.url)
        await ask(leaver, chat)
        await leaver.aclose()
        go_on.set()
        assert (await done(api, chat))["content"] == "still here"


async def test_a_chat_that_only_the_page_knows_is_answered_too(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, _provider):
        await ask(api, "local:1")

        async def told() -> bool:
            return ("chat:completion", {"done": True, "finish_reason": "stop"}) in await events_of(api)

        await eventually(told)


async def test_an_answer_may_last_longer_than_its_lease(fleet: Fleet) -> None:
    fleet.worker()
    async with fleet.inside(task_lease_s=2, echo_words_s=10) as node:
        api = Api(node.url)
        chat = await api.new_chat()
        text = " ".join(str(number) for number in range(40))
        await ask(api, chat, messages=[{"role": "user", "content": text}])
        message = await done(api, chat)
        assert message["content"] == text
        assert not message["interrupted"]
        await api.aclose()


async def test_viewers_of_the_chat_see_the_answer_come(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, _provider), fleet.inside() as two:
        chat = await api.new_chat()
        viewer = ResumingClient(reconnection=False)
        told: list[Any] = []
        viewer.on("events", lambda body, *_: told.append(body))
        await viewer.open(two.url, token("root", role="admin"))
        assert await viewer.call("events:chat", {"chat_id": chat, "data": {"type": "join"}})
        await ask(api, chat)
        await eventually(lambda: told and told[-1]["data"]["data"] == {"active": False, "folder_id": None})
        assert all(body["shared"] for body in told if body["data"]["type"] != "chat:presence")
        deltas = [body["data"]["data"]["content"] for body in told if body["data"]["type"] == "chat:message:delta"]
        assert "".join(deltas) == "Hello world"
        await viewer.disconnect()
