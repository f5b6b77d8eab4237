"""Conducts the runs: rounds over all cases and targets, so that what drifts hits all alike; noisy runs again."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.cases.base import Case, Outcome
from bench.plan import Plan
from bench.progress import Progress
from bench.servers import Postgres
from bench.stage import stage
from bench.targets.base import Target

LAST_RUN_S = 60.0
"""How long beyond the plan's budget a run may go on that began within it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is kept. fault: why there are no figures. noisy: others used too much of the machine."""

    case: str
    target: str
    round: int
    outcome: Outcome | None
    noisy: bool = False
    fault: str = ""

    @property
    def foreign_cores(self) -> float:
        """What others used of the CPU; infinite for a run without figures."""
        return self.outcome.usage.foreign_cores if self.outcome is not None else math.inf


class Conductor:
    """Makes the runs of one benchmark. Its budget begins when it is made.

    runs: those that were made so far; such as were kept from before are not made again. keep: called after every run,
    so that no more than one is ever lost.
    """

    def __init__(
        self,
        plan: Plan,
        postgres: Postgres,
        progress: Progress,
        kept: Sequence[Run] = (),
        keep: Callable[[], None] = lambda: None,
    ) -> None:
        self._plan = plan
        self._postgres = postgres
        self._progress = progress
        self._keep = keep
        self._deadline = time.monotonic() + plan.budget_s
        self._repeats_s = 0.0
        self.runs: list[Run] = list(kept)

    async def conduct(self, cases: Sequence[Case]) -> None:
        """Run everything, round after round, until the budget is used up; a later round may stay incomplete."""
        have = {(run.case, run.target, run.round) for run in self.runs if run.outcome is not None}
        for number in range(self._plan.runs):
            for case, target in turns(cases, number):
                if (case.name, target.name, number) in have:
                    continue
                if self._left_s() <= 0:
                    self._progress.note(f"the budget of {self._plan.budget_s:.0f} s is used up in round {number + 1}")
                    return
                self._progress.begin(number, case.name, target.name)
                run = await self._quietest(case, target, number)
                self._progress.end(run.fault or ("noisy" if run.noisy else "ok"))
                self.runs.append(run)
                self._keep()

    def _left_s(self) -> float:
        return self._deadline - time.monotonic()

    async def _quietest(self, case: Case, target: Target, number: int) -> Run:
        """A run without foreign load, or the one with the least of those that were tried."""
        best = await self._once(case, target, number)
        for _ in range(self._plan.retries):
            spent = self._left_s() <= 0 or self._repeats_s >= self._plan.repeats_s
            if spent or best.foreign_cores <= self._plan.foreign_cores:
                break
            started = time.monotonic()
            best = min(best, await self._once(case, target, number), key=lambda run: run.foreign_cores)
            self._repeats_s += time.monotonic() - started
        return best

    async def _once(self, case: Case, target: Target, number: int) -> Run:
        try:
            async with (
                asyncio.timeout(min(case.limit_s, self._left_s() + LAST_RUN_S)),
                stage(target, self._postgres) as made,
            ):
                outcome = await case.run(made, self._plan)
        except Exception as fault:  # noqa: BLE001  # it is kept and shown; one run's fault must not lose all others
            return Run(case.name, target.name, number, None, fault=f"{type(fault).__name__}: {fault}")
        noisy = outcome.usage.foreign_cores > self._plan.foreign_cores
        return Run(case.name, target.name, number, outcome, noisy)


def turns(cases: Sequence[Case], number: int) -> list[tuple[Case, Target]]:
    """The turns of a round; every round begins each case with another target.

    Cases of fewer runs have them in the first rounds: what the budget cuts is a further run, never a whole case.
    """
    found = []
    for case in cases:
        if number < case.runs:
            start = number % len(case.targets)
            found += [(case, target) for target in (*case.targets[start:], *case.targets[:start])]
    return found
