"""The payload of every event: a token delta as an assistant's answer has it, padded to a size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

from bench import marks

EVENT = "events"
KIND = "chat:message:delta"
TOKEN = "token"


def _text(size: int) -> str:
    """So many characters of made-up words, the same in every run: for deflate about what an answer's prose is."""
    dice = Random(1)
    words = ["".join(dice.choices("eeetaoinsrhldcumfpgwybvk", k=dice.randint(2, 9))) for _ in range(2000)]
    return " ".join(dice.choices(words, weights=[1 / (place + 1) for place in range(2000)], k=size))[:size]


@dataclass(frozen=True, slots=True)
class Room:
    """number: as the marks have it. name: as the server knows it. user, chat, message: whose answer it is."""

    number: int
    name: str
    user: str
    chat: str
    message: str


class Payloads:
    """Makes the events of one room, in sequence. size: bytes of an event's JSON; 0: a bare token, without a mark."""

    def __init__(self, room: Room, size: int) -> None:
        self.room = room
        self.next = 0
        self._bare = not size
        self._head = (
            f'{{"chat_id":"{room.chat}","message_id":"{room.message}","data":{{"type":"{KIND}","data":{{"content":"'
        )
        self._padding = _text(max(0, size - len(self._head) - marks.LENGTH - 4))

    def content(self) -> str:
        """The next event's text."""
        if self._bare:
            self.next += 1
            return TOKEN
        mark = marks.make(self.room.number, self.next, time.monotonic_ns())
        self.next += 1
        return mark + self._padding

    def json(self) -> str:
        """The next event whole, as it will stand on the wire."""
        return f'{self._head}{self.content()}"}}}}}}'
