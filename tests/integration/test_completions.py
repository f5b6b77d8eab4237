"""Completions on real nodes: from a provider into a message, stopped, replaced, failed; and what is left in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.support.nodes import Api, Fleet, LocalNode, eventually
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
