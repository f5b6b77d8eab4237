"""Users of channels in tests: HTTP calls of one, and a socket that keeps what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cli.resuming import ResumingClient
from tests.support.nodes import Api, LocalNode, eventually, token

CHANNELS = "/api/v1/channels"


class ChannelApi(Api):
    """A user's HTTP calls about channels."""

    async def send(self, method: str, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
        """Call a route below /api/v1/channels; returns the JSON of its answer, which must have this status."""
        answer = await self.client.request(method, CHANNELS + path, json=body, **options)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json()

    async def create(self, *user_ids: str, name: str = "fish") -> str:
        """Make a channel; returns its id."""
        return str((await self.send("POST", "/create", {"name": name, "user_ids": list(user_ids)}))["id"])

    async def say(self, channel: str, content: str, **more: Any) -> Any:
        """Post a message; returns it."""
        return await self.send("POST", f"/{channel}/messages/post", {"content": content, **more})

    async def contents(self, channel: str, **query: Any) -> list[str]:
        """The contents of a page of messages, the newest first."""
        return [m["content"] for m in await self.send("GET", f"/{channel}/messages", params=query)]


@dataclass
class Ear:
    """A user's socket. got: (event, payload, position or "") in the order of arrival."""

    client: ResumingClient
    user_id: str
    got: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)

    def types(self, channel: str | None = None) -> list[str]:
        """The types of the channel events that came."""
        return [e["data"]["type"] for _, e, _ in self.got if channel in (None, e.get("channel_id"))]

    def last(self, kind: str) -> Any:
        """The payload of the last channel event of a type."""
        return [e for _, e, _ in self.got if e["data"]["type"] == kind][-1]

    async def hears(self, kind: str, times: int = 1) -> Any:
        """Wait until a type of event came so many times; returns the last one's payload."""
        await eventually(lambda: self.types().count(kind) >= times)
        return self.last(kind)

    async def open(self, node: LocalNode, **claims: Any) -> None:
        """Connect, or come back, as Open WebUI's page does: CONNECT, then `user-join`."""
        await self.client.open(node.url, token(self.user_id, **claims))
        await self.client.call("user-join", {"auth": {"token": token(self.user_id, **claims)}})

    async def cut(self) -> None:
        """Lose the link, without a word."""
        await self.client.eio.disconnect(abort=True)


@asynccontextmanager
async def listening(node: LocalNode, user_id: str, **claims: Any) -> AsyncIterator[Ear]:
    """A user's socket that is connected and in the rooms of its channels."""
    ear = Ear(ResumingClient(reconnection=False), user_id)

    def note(payload: dict[str, Any], position: str = "") -> None:
        ear.got.append(("events:channel", payload, position))

    ear.client.on("events:channel", note)
    await ear.open(node, **claims)
    try:
        yield ear
    finally:
        await ear.client.disconnect()
