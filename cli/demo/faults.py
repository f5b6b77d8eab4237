"""What goes wrong while the documents are streamed, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

from cli.demo.front import Front
from cli.demo.listeners import Reloader
from cli.demo.stage import Stage
from cli.demo.waiting import until

CUT_EVERY_S = 1.0
VICTIM = 1  # the place of the node that is killed


class Faults:
    """progress: how much has been streamed, 0 to 1. calm: no node is killed before. say: tells people what happens."""

    def __init__(
        self,
        stage: Stage,
        fronts: Sequence[Front],
        reloaders: Sequence[Reloader],
        progress: Callable[[], float],
        calm: asyncio.Event,
        say: Callable[[str], None],
        chance: Random,
    ) -> None:
        self._stage = stage
        self._fronts = fronts
        self._reloaders = reloaders
        self._progress = progress
        self._calm = calm
        self._say = say
        self._chance = chance

    async def run(self) -> None:
        """Cut links until everything is streamed; kill and reload at their times. All is up again when it returns."""
        plan: list[tuple[float, Callable[[], Coroutine[Any, Any, None]]]] = [
            (0.20, self._kill_worker),
            (0.30, self._reload),
            (0.42, self._kill_node),
            (0.55, self._reload),
            (0.65, self._kill_worker),
            (0.80, self._reload),
        ]
        async with asyncio.TaskGroup() as tasks:
            for front in self._fronts:
                tasks.create_task(self._cut(front))
            for moment, strike in plan:
                tasks.create_task(self._at(moment, strike))

    async def _at(self, moment: float, strike: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await until(lambda: self._progress() >= moment)
        await strike()

    async def _cut(self, front: Front) -> None:
        """Every second, each front in a rhythm of its own."""
        await asyncio.sleep(self._chance.uniform(0, CUT_EVERY_S))
        while self._progress() < 1:
            front.cut()
            await asyncio.sleep(CUT_EVERY_S)

    async def _kill_worker(self) -> None:
        await self._stage.worker.strike()
        self._say("the worker was killed (SIGKILL); it is started again")

    async def _kill_node(self) -> None:
        await self._calm.wait()
        await self._stage.nodes[VICTIM].strike()
        self._say(f"node {VICTIM + 1} was killed (SIGKILL); it is started again")
        await self._stage.ready(VICTIM)
        self._say(f"node {VICTIM + 1} is back")

    async def _reload(self) -> None:
        for reloader in self._reloaders:
            await asyncio.sleep(self._chance.uniform(0, CUT_EVERY_S / len(self._reloaders)))
            await reloader.reload()
        self._say("pages were reloaded: new sessions, snapshot and tail")
