"""A scene: a channel with three users on two nodes, whose clients are cut and whose node is killed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from cli.demo.account import Content, Event
from cli.demo.conversation import MESSAGE_ID, Conversation, Ledger
from cli.demo.front import Front
from cli.demo.listeners import Client, Listener
from cli.demo.report import Row, Section, client_row, section, stored_row
from cli.demo.scene import Progress, Setting, scripted
from cli.demo.waiting import settled, until
from streams.entry import Position

NAME = "a channel of three users"
USERS = ("ivan", "judy", "kim")
MESSAGES = 60
PAGE = 500  # the most that one GET answers; more than is posted, so that one too many would show


class Member(Listener):
    """A user's client that notes the channel's messages."""

    def _new_client(self) -> Client:
        client = super()._new_client()
        client.on("events:channel", self._on_message)
        return client

    def _on_message(self, body: dict[str, Any], position: str = "") -> None:
        data = body["data"]
        if data["type"] == "message":
            content = {"content": data["data"]["content"]}
            self.ledger.take(MESSAGE_ID, Event(Position.parse(position), "message", content))


class Channel:
    """Posts are spread over the whole stream of documents, in turn by each user and to each node."""

    def __init__(self, setting: Setting, front: Front, homes: Sequence[str]) -> None:
        """front: of the first user's client. homes: the nodes' URLs, that of the one that is killed first."""
        lines = [f"{number}. {USERS[number % len(USERS)]} was here.\n" for number in range(MESSAGES)]
        self._talks = [scripted(NAME, lines, setting.here, user) for user in USERS]
        for talk in self._talks:
            talk.sent = self._talks[0].sent
        one, two, three = self._talks
        self.fronts = [front]
        self.clients: list[Listener] = [
            Member(Ledger(one, f"{one.user}, cut every second"), [front.url]),
            Member(Ledger(two, f"{two.user}, node killed, other node"), homes),
            Member(Ledger(three, f"{three.user}, node killed, same node"), homes[:1]),
        ]
        self._calls = setting.calls
        self._id = ""
        self._repeats: list[Event] = []

    async def play(self, progress: Progress) -> None:
        """Create the channel, and post to it; each message once more, with its key, to the other node."""
        body = {"name": NAME, "is_private": True, "user_ids": USERS[1:]}
        made = await self._calls.post("/api/v1/channels/create", self._talks[0].token, body, secrets.token_hex(8))
        self._id = made["id"]
        for number in range(MESSAGES):
            await until(_reached(progress, number / MESSAGES))
            self._talks[0].sent.append(await self._post(number, turn=number))
            self._repeats.append(await self._post(number, turn=number + 1))

    async def _post(self, number: int, turn: int) -> Event:
        talk = self._talks[number % len(self._talks)]
        body = talk.script[number].data
        path = f"/api/v1/channels/{self._id}/messages/post"
        answer = await self._calls.post(path, talk.token, body, f"{self._id}-{number}", turn)
        return Event(Position.parse(answer["position"]), "message", {"content": answer["content"]})

    async def judge(self) -> Section:
        ledgers = [client.ledger for client in self.clients]
        await settled(
            lambda: all(ledger.complete for ledger in ledgers),
            lambda: [(ledger.links, len(ledger.events)) for ledger in ledgers],
        )
        rows = [client_row(ledger) for ledger in ledgers]
        rows.append(self._repeated())
        rows += [await self._answered(talk, turn) for turn, talk in enumerate(self._talks)]
        return section(self._talks[0], rows)

    def _repeated(self) -> Row:
        """A post with the same key is the same message, at the same position."""
        found = Content().after(self._repeats)
        return Row("posted again to other node", found.sha256, self._repeats == self._talks[0].sent)

    async def _answered(self, talk: Conversation, turn: int) -> Row:
        path = f"/api/v1/channels/{self._id}/messages?limit={PAGE}"
        page = await self._calls.get(path, talk.token, turn)
        text = "".join(message["content"] for message in reversed(page))
        return stored_row(f"GET messages, {talk.user}", Content(text), talk)


def _reached(progress: Progress, share: float) -> Callable[[], bool]:
    return lambda: progress() >= share
