"""Completions on real nodes: from a provider into a message, stopped, replaced, failed; and what is left in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from cli.resuming import ResumingClient
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token
from tests.support.provider import Conversation, Provider, running_provider, says

REQUEST = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "one two three"}]}


async def ask(api: Api, chat: str, message: str = "m1", **more: Any) -> str:
    """Start a completion; returns its task."""
    answer = await api.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": message} | more)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] is True
    assert body["chat_id"] == chat
    return str(body["task_ids"][0])


async def message_of(api: Api, chat: str, message: str = "m1") -> Any:
    return (await api.chat(chat))["chat"]["history"]["messages"].get(message)


async def done(api: Api, chat: str, message: str = "m1") -> Any:
    """The message as soon as it is done."""

    async def finished() -> Any:
        found = await message_of(api, chat, message)
        return found if found and found["done"] else None

    return await eventually(finished)


async def events_of(api: Api, room: str = "user:alice") -> list[tuple[str, Any]]:
    """Type and data of every `events` entry of a room, quiet ones left out."""
    answer = await api.client.get(f"/api/v1/rooms/{room}/events", params={"limit": 1000})
    return [(e["data"]["data"]["type"], e["data"]["data"]["data"]) for e in answer.json()["events"]]


@asynccontextmanager
async def asking(fleet: Fleet, **settings: Any) -> AsyncIterator[tuple[LocalNode, Api, Provider]]:
    """A node with a provider of its own, and alice."""
    async with (
        running_provider() as provider,
        fleet.inside(openai_api_base_url=provider.url, openai_api_key="sk-secret", **settings) as node,
    ):
        api = Api(node.url)
        try:
            yield node, api, provider
        finally:
            await api.aclose()


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
        assert kinds[1] == "chat:message"
        assert set(kinds[2:-1]) == {"chat:message:delta"}
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


async def refuses_key(conversation: Conversation) -> None:
    await conversation.whole(401, b'{"error": {"message": "Incorrect API key provided: sk-secret"}}')


async def refuses_rate(conversation: Conversation) -> None:
    await conversation.whole(429, b'{"error": {"message": "Rate limit reached"}}', Retry_After="7")


async def fails(conversation: Conversation) -> None:
    await conversation.whole(500, b"<html>oops</html>", "text/html")


async def refuses_request(conversation: Conversation) -> None:
    await conversation.whole(400, b'{"detail": "unknown model"}')


async def sends_garbage(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await conversation.send(b"data: \xff\xfe\x00 nonsense\n\n")


async def sends_html(conversation: Conversation) -> None:
    await conversation.whole(200, b"<!doctype html><title>Login</title>", "text/html")


async def sends_no_newline(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    for _ in range(160):
        await conversation.send(b"x" * (1 << 16))


async def cuts(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")


async def ends_early(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await conversation.end()


async def stalls(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await asyncio.sleep(60)


async def stalls_at_once(conversation: Conversation) -> None:
    await asyncio.sleep(60)


async def reports_an_error(conversation: Conversation) -> None:
    await conversation.start()
    await conversation.event(content="begun")
    await conversation.data({"error": {"message": "overloaded", "code": 529}})


async def sends_nothing(conversation: Conversation) -> None:
    await conversation.whole(200, b"", "text/event-stream")


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

        async def begun() -> bool:
            return bool((await message_of(api, chat))["content"] == "old")

        await eventually(begun)
        provider.script = says("new")
        await ask(api, chat)
        message = await done(api, chat)
        late.set()
        await eventually(lambda: len(node.node.tasks) == 0)
        assert message["content"] == (await message_of(api, chat))["content"] == "new"


async def test_a_stop_from_the_other_node_keeps_the_text_so_far(fleet: Fleet) -> None:
    async with asking(fleet) as (_one, api, provider), fleet.inside() as two:
        provider.script = stalls
        chat = await api.new_chat()
        task = await ask(api, chat)

        async def begun() -> bool:
            return bool((await message_of(api, chat))["content"] == "begun")

        await eventually(begun)
        other = Api(two.url)
        assert (await other.client.get("/api/tasks")).json() == {"tasks": [task]}
        assert (await other.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": [task]}
        answer = (await other.client.post(f"/api/tasks/stop/{task}")).json()
        assert (answer["status"], answer["outcome"]) == (True, "stopped")
        message = await message_of(other, chat)
        assert (message["content"], message["done"], message["stopped"]) == ("begun", True, True)
        assert not message.get("interrupted")
        again = (await other.client.post(f"/api/tasks/stop/{task}")).json()
        assert (again["status"], again["outcome"]) == (False, "over")
        assert (await other.client.get("/api/tasks")).json() == {"tasks": []}
        await other.aclose()


async def test_all_tasks_of_a_chat_are_stopped_at_once(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        tasks = [await ask(api, chat, f"m{number}") for number in range(3)]
        answer = (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()
        assert answer["status"] is True
        assert answer["outcomes"] == dict.fromkeys(tasks, "stopped")
        assert (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()["task_ids"] == []


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


async def test_a_node_that_stops_closes_its_answers_as_interrupted(fleet: Fleet) -> None:
    async with fleet.inside() as other:
        api = Api(other.url)
        chat = await api.new_chat()
        async with asking(fleet) as (_node, asker, provider):
            provider.script = stalls
            await ask(asker, chat)

            async def begun() -> bool:
                return bool((await message_of(api, chat))["content"] == "begun")

            await eventually(begun)
        message = await done(api, chat)
        assert (message["content"], message["interrupted"]) == ("begun", True)
        await api.aclose()


async def test_a_stranger_sees_and_stops_nothing(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        task = await ask(api, chat)
        eve = Api(node.url, "eve")
        asked = await eve.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": "m1"})
        assert asked.status_code == 404
        assert (await eve.client.get("/api/tasks")).json() == {"tasks": []}
        assert (await eve.client.get(f"/api/tasks/chat/{chat}")).status_code == 404
        assert (await eve.client.post(f"/api/tasks/chat/{chat}/stop")).status_code == 404
        refused = (await eve.client.post(f"/api/tasks/stop/{task}")).json()
        unknown = (await eve.client.post("/api/tasks/stop/none")).json()
        assert refused["outcome"] == unknown["outcome"] == "over"
        assert refused["message"].replace(task, "none") == unknown["message"]
        assert (await api.client.get("/api/tasks")).json() == {"tasks": [task]}
        nobody = httpx.AsyncClient(base_url=node.url, trust_env=False)
        for method, path in (
            ("GET", "/api/tasks"),
            ("POST", f"/api/tasks/stop/{task}"),
            ("POST", "/api/chat/completions"),
        ):
            assert (await nobody.request(method, path)).status_code == 401
        await nobody.aclose()
        admin = Api(node.url, "root", role="admin")
        assert (await admin.client.get("/api/tasks")).json() == {"tasks": [task]}
        assert (await admin.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"
        await admin.aclose()
        await eve.aclose()


async def test_a_chat_that_only_the_page_knows_is_answered_too(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, _provider):
        await ask(api, "local:1")

        async def told() -> bool:
            return ("chat:completion", {"done": True, "finish_reason": "stop"}) in await events_of(api)

        await eventually(told)


async def test_a_busy_node_says_so(fleet: Fleet) -> None:
    async with asking(fleet, completion_tasks=1) as (_node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        await ask(api, chat)
        answer = await api.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": "m2"})
        assert (answer.status_code, answer.json()["retryable"]) == (429, True)


@pytest.mark.parametrize("body", [{}, {"model": "m"}, {"model": "m", "messages": []}, {**REQUEST, "chat_id": "\n"}])
async def test_a_malformed_request_is_refused(fleet: Fleet, body: Any) -> None:
    async with fleet.inside() as node:
        api = Api(node.url)
        assert (await api.client.post("/api/chat/completions", json=body)).status_code == 400
        await api.aclose()


async def test_without_a_chat_the_caller_gets_openais_own_answer(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        whole = await api.client.post("/api/chat/completions", json=REQUEST | {"stream": False})
        assert whole.json()["choices"][0]["message"]["content"] == "Hello world"
        assert whole.json()["choices"][0]["finish_reason"] == "stop"
        streamed = await api.client.post("/api/chat/completions", json=REQUEST)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert '"delta":{"content":"Hello"}' in streamed.text
        assert streamed.text.endswith("data: [DONE]\n\n")
        provider.script = refuses_key
        for stream in (True, False):
            refused = await api.client.post("/api/chat/completions", json=REQUEST | {"stream": stream})
            assert (refused.status_code, refused.json()["code"]) == (502, "provider_error")
        provider.script = cuts
        assert '"type":"provider_error"' in (await api.client.post("/api/chat/completions", json=REQUEST)).text


async def test_nothing_is_left_in_redis(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, provider):
        client = node.node.link.client(connections=1)

        async def keys() -> set[bytes]:
            logs = (b":room:", b":log", b":owner:", b":producer:", b":session:", b":active:")
            found = {key async for key in client.scan_iter(match=f"{fleet.key_prefix}:*", count=1000)}
            return {key for key in found if not any(part in key for part in logs)}

        chat = await api.new_chat()
        await api.emit(chat, "message", {"content": "x"}, "m0")
        before = await keys()
        for script in (says("a"), cuts, refuses_key):
            provider.script = script
            await ask(api, chat)
            await done(api, chat)
        provider.script = stalls
        task = await ask(api, chat, "m2")
        assert (await api.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"

        left: set[bytes] = set()

        async def as_before() -> bool:
            left.clear()
            left.update(await keys() - before)
            return not left

        with suppress(AssertionError):
            await eventually(as_before, 30)  # an end that somebody waited for is kept for ten seconds
        assert left == set()


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
        await eventually(lambda: told and told[-1]["data"]["type"] == "chat:completion")
        assert all(body["shared"] for body in told if body["data"]["type"] != "chat:presence")
        deltas = [body["data"]["data"]["content"] for body in told if body["data"]["type"] == "chat:message:delta"]
        assert "".join(deltas) == "Hello world"
        await viewer.disconnect()


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
