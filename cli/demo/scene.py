"""What the scenes beside the documents have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cli.demo.calls import Calls
from cli.demo.conversation import Conversation
from cli.demo.documents import Document, Step
from cli.demo.front import Front
from cli.demo.report import Section
from cli.demo.stage import Stage

Progress = Callable[[], float]
"""How much of the documents has been streamed, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a scene plays. calls: to whichever node answers. steady, victim: calls to that node and no other."""

    here: Stage
    calls: Calls
    steady: Calls
    victim: Calls


class Guest(Protocol):
    """A client that keeps itself connected while `run` runs. connected: set when it was so for the first time."""

    @property
    def connected(self) -> asyncio.Event: ...

    async def run(self) -> None: ...


class Scene(Protocol):
    """clients: run from before `play` until after `judge`. fronts: are cut every second while documents stream."""

    @property
    def clients(self) -> Sequence[Guest]: ...

    @property
    def fronts(self) -> Sequence[Front]: ...

    async def play(self, progress: Progress) -> None:
        """Do what the scene is about; every client has connected before. Raises CommandError."""

    async def judge(self) -> Section:
        """What came of it, when everything is streamed and all is up again. Raises CommandError."""


def scripted(name: str, lines: Sequence[str], here: Stage, user: str) -> Conversation:
    """A conversation of these messages, for a user of the scene's own."""
    steps = [Step("message", {"content": line}) for line in lines]
    return Conversation(Document(name, "".join(lines)), steps, user, here.token(user))
