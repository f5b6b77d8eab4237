"""Completions for the tests: asking for one, and waiting for what it becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.nodes import Api, Fleet, LocalNode, eventually
from tests.support.provider import Provider, running_provider

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
    """Type and data of every `events` entry of a room; quiet ones, whether a chat is active, and recaps left out."""
    answer = await api.client.get(f"/api/v1/rooms/{room}/events", params={"limit": 1000})
    told = [(e["data"]["data"]["type"], e["data"]["data"]["data"]) for e in answer.json()["events"]]
    return [(kind, data) for kind, data in told if kind not in ("chat:active", "chat:outlet")]


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


async def so_far(api: Api, chat: str, text: str, message: str = "m1") -> None:
    """Wait until a message says just this."""

    async def says_so() -> bool:
        found = await message_of(api, chat, message)
        return bool(found and found["content"] == text)

    await eventually(says_so)
