"""A scene: a completion of the embedded provider on one node, that is stopped from the other node."""

from __future__ import annotations

import secrets
from typing import Any

from cli.demo.account import Content, Event
from cli.demo.conversation import Ledger
from cli.demo.front import Front
from cli.demo.listeners import Client, Listener
from cli.demo.report import Row, Section
from cli.demo.scene import Progress, Setting, scripted
from cli.demo.waiting import settled, until, within
from streams.entry import Position

NAME = "a completion, stopped"
USER = "laura"
MESSAGE_ID = "completed"
WORDS = 20_000  # far more than are said before the stop: the embedded provider says 20 a second
ENOUGH_CHARS = 200  # that the client has before the stop
DEADLINE_S = 120.0
END = "chat:tasks:cancel"
ACTIVE = "chat:active"  # tells of the chat, also behind the answer's end; it names the message whose task it was


class Reader(Listener):
    """A client that notes every event of the answer, as it comes."""

    def __init__(self, ledger: Ledger, url: str) -> None:
        super().__init__(ledger, [url])
        self.events: list[Event] = []

    def _new_client(self) -> Client:
        client = super()._new_client()
        client.on("events", self._on_piece)
        return client

    def _on_piece(self, body: dict[str, Any], position: str = "") -> None:
        kind = body["data"]["type"]
        if body["message_id"] == MESSAGE_ID and kind != ACTIVE:
            self.events.append(Event(Position.parse(position), kind, body["data"]["data"]))


class Completion:
    """Needs both nodes until it is stopped: one whose node is killed ends as interrupted, as the contract says."""

    def __init__(self, setting: Setting, front: Front) -> None:
        """front: of the client."""
        prompt = [f"word-{number} " for number in range(WORDS)]
        self._talk = scripted(NAME, prompt, setting.here, USER)
        self._setting = setting
        self._client = Reader(Ledger(self._talk, "its client, cut every second"), front.url)
        self.clients: list[Listener] = [self._client]
        self.fronts = [front]
        self._stop: Any = None

    async def play(self, _progress: Progress) -> None:
        """Ask on the node that stays, stop on the other one. Raises CommandError when too little comes."""
        await self._ask()
        async with within(DEADLINE_S, f"a completion's first {ENOUGH_CHARS} characters"):
            await until(lambda: len(said(self._client.events)) >= ENOUGH_CHARS)
        path = f"/api/tasks/chat/{self._talk.chat_id}/stop"
        self._stop = await self._setting.victim.post(path, self._talk.token, {}, secrets.token_hex(8))

    async def _ask(self) -> None:
        token = self._talk.token
        chat = await self._setting.steady.post("/api/v1/chats/new", token, {"title": NAME}, secrets.token_hex(8))
        self._talk.chat_id = chat["id"]
        prompt = {"role": "user", "content": self._talk.document.text}
        body = {"model": "echo", "stream": True, "messages": [prompt], "chat_id": chat["id"], "id": MESSAGE_ID}
        await self._setting.steady.post("/api/chat/completions", token, body, secrets.token_hex(8))

    async def judge(self) -> Section:
        events, ledger = self._client.events, self._client.ledger
        await settled(lambda: any(event.kind == END for event in events), lambda: (ledger.links, len(events)))
        message, text = await self._message(), said(events)
        seen, stored = Content(text), Content(message.get("content", ""))
        begun = stored.text != "" and self._talk.document.text.startswith(stored.text)
        ended = message.get("done") is True and message.get("stopped") is True and not message.get("interrupted")
        outcomes = list(self._stop["outcomes"].values())
        same = seen == stored and sound(events)
        rows = [
            Row(ledger.client, seen.sha256, same, links=ledger.links, recovered=ledger.recovered),
            Row("GET chat: done, stopped", stored.sha256, ended and begun),
            Row("answer to the stop, other node", "", self._stop["status"] is True and outcomes == ["stopped"]),
        ]
        good = all(row.good for row in rows)
        return Section(NAME, USER, len(events), stored.sha256, rows, good)

    async def _message(self) -> dict[str, Any]:
        """The message as HTTP answers it."""
        chat = await self._setting.calls.get(f"/api/v1/chats/{self._talk.chat_id}", self._talk.token)
        found: dict[str, Any] = chat["chat"]["history"]["messages"].get(MESSAGE_ID, {})
        return found


def said(events: list[Event]) -> str:
    """The text that these events of a completion make."""
    return "".join(event.data["content"] for event in events if event.kind == "chat:message:delta")


def sound(events: list[Event]) -> bool:
    """Whether each came once and in order, and nothing after the one that stopped it."""
    places = [event.position for event in events]
    ends = [place for place, event in enumerate(events) if event.kind == END]
    return places == sorted(set(places)) and ends == [len(events) - 1]
