"""Clients that write down what they are told, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cli.resuming import ResumingClient
from tests.support.nodes import eventually, token


class Person(ResumingClient):
    """A user's page: remembers events, and answers calls with what `answers` has for their type."""

    def __init__(self, user_id: str = "alice", **claims: Any) -> None:
        super().__init__(reconnection=False)
        self.user_id = user_id
        self.token = token(user_id, **claims)
        self.got: list[tuple[str, Any]] = []
        self.asked: list[Any] = []
        self.answers: dict[str, Any] = {}
        self.on("*", self._note)
        self.on("events", self._events)

    async def _note(self, event: str, body: Any, *_position: str) -> None:
        self.got.append((event, body))

    async def _events(self, body: Any, *_position: str) -> Any:
        self.got.append(("events", body))
        kind = body["data"]["type"]
        if kind not in self.answers:
            return None
        self.asked.append(body)
        answer = self.answers[kind]
        return await answer(body) if callable(answer) else answer

    async def at(self, url: str) -> Person:
        await self.open(url, self.token)
        return self

    async def vanish(self) -> None:
        """The link ends without a word."""
        await self.eio.disconnect(abort=True)

    async def chat(self, chat_id: str, kind: str, **data: Any) -> Any:
        """Emit `events:chat`; returns the acknowledgement."""
        body = {"chat_id": chat_id, "data": {"type": kind} | ({"data": data} if data else {})}
        return await self.call("events:chat", body)

    def of(self, kind: str) -> list[Any]:
        """The `events` of a type that came, oldest first."""
        return [body for event, body in self.got if event == "events" and body["data"]["type"] == kind]

    def present(self) -> set[str]:
        """Who is present, as last told."""
        told = self.of("chat:presence")
        return {user["id"] for user in told[-1]["data"]["data"]["users"]} if told else set()

    async def sees(self, *user_ids: str, deadline_s: float = 15.0) -> None:
        """Wait until exactly these users are present."""
        await eventually(lambda: self.present() == set(user_ids), deadline_s)


@asynccontextmanager
async def people(*persons: Person) -> AsyncIterator[tuple[Person, ...]]:
    """Persons that hang up at the end."""
    try:
        yield persons
    finally:
        for person in persons:
            if person.connected:
                await person.disconnect()
