"""The scenes beside the documents, set up and run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from cli.demo.calls import Calls
from cli.demo.channel import Channel
from cli.demo.completion import Completion
from cli.demo.faults import VICTIM
from cli.demo.front import Front
from cli.demo.note import Note
from cli.demo.question import Question
from cli.demo.report import Section
from cli.demo.scene import Guest, Progress, Scene, Setting
from cli.demo.stage import Stage


@dataclass(frozen=True, slots=True)
class Scenes:
    """brief: those that need both nodes. calm: set when these are over, and a node may be killed.

    setting: where all of them play.
    """

    setting: Setting
    lasting: Sequence[Scene]
    brief: Sequence[Scene]
    calm: asyncio.Event

    @property
    def all(self) -> list[Scene]:
        return [*self.lasting, *self.brief]

    @property
    def clients(self) -> list[Guest]:
        return [client for scene in self.all for client in scene.clients]

    @property
    def fronts(self) -> list[Front]:
        return [front for scene in self.all for front in scene.fronts]

    @property
    def retries(self) -> int:
        """Requests of their own that had to be repeated, besides those in `setting.calls`."""
        return self.setting.steady.retries + self.setting.victim.retries

    async def play(self, progress: Progress) -> None:
        """Play them at once, when every client has connected. Raises CommandError, maybe in a group."""
        for client in self.clients:
            await client.connected.wait()
        async with asyncio.TaskGroup() as tasks:
            for scene in self.lasting:
                tasks.create_task(scene.play(progress))
            async with asyncio.TaskGroup() as brief:
                for scene in self.brief:
                    brief.create_task(scene.play(progress))
            self.calm.set()

    async def judge(self) -> list[Section]:
        return [await scene.judge() for scene in self.all]


@asynccontextmanager
async def scenes(here: Stage, calls: Calls, http: aiohttp.ClientSession) -> AsyncIterator[Scenes]:
    """The scenes, with their clients running while inside."""
    victim, steady = here.urls[VICTIM], here.urls[1 - VICTIM]
    setting = Setting(here, calls, Calls([steady], http), Calls([victim], http))
    async with AsyncExitStack() as stack:
        fronts = [await stack.enter_async_context(Front(here.ports, turn).serving()) for turn in range(4)]
        lasting: list[Scene] = [
            Channel(setting, fronts[0], [victim, steady]),
            Note(setting, fronts[2:], [victim, steady]),
        ]
        brief: list[Scene] = [Completion(setting, fronts[1]), Question(setting, [victim, steady])]
        made = Scenes(setting, lasting, brief, asyncio.Event())
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(client.run()) for client in made.clients]
            yield made
            for task in running:
                task.cancel()
