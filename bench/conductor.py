"""Conducts the runs: rounds over all cases and targets, so that what drifts hits all alike; noisy runs again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.cases.base import Case, Outcome
from bench.plan import Plan
from bench.program import DidNotStart
from bench.progress import Progress
from bench.remote import RemoteError
from bench.servers import Postgres
from bench.stage import stage
from bench.targets.base import Target


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it is kept. fault: why there are no figures. noisy: others used too much of the machine."""

    case: str
    target: str
    round: int
    outcome: Outcome | None
    noisy: bool = False
    fault: str = ""


async def conduct(cases: Sequence[Case], plan: Plan, postgres: Postgres, progress: Progress) -> list[Run]:
    """Run everything, round after round, until the plan's budget is used up; a later round may stay incomplete."""
    runs: list[Run] = []
    deadline = time.monotonic() + plan.budget_s
    for number in range(plan.runs):
        for case, target in turns(cases, number, plan.runs):
            if time.monotonic() > deadline:
                progress.note(f"the budget of {plan.budget_s:.0f} s is used up in round {number + 1}")
                return runs
            progress.begin(number, case.name, target.name)
            run = await _quietest(case, target, number, plan, postgres, deadline)
            progress.end(run.fault or ("noisy" if run.noisy else "ok"))
            runs.append(run)
    return runs


def turns(cases: Sequence[Case], number: int, rounds: int) -> list[tuple[Case, Target]]:
    """The turns of a round; every round begins each case with another target. The last rounds have all cases."""
    turns = []
    for case in cases:
        if number >= rounds - case.runs:
            start = number % len(case.targets)
            turns += [(case, target) for target in (*case.targets[start:], *case.targets[:start])]
    return turns


async def _quietest(case: Case, target: Target, number: int, plan: Plan, postgres: Postgres, deadline: float) -> Run:
    """A run without foreign load, or the one with the least of those that were tried."""
    best: Run | None = None
    for _ in range(plan.retries + 1):
        run = await _once(case, target, number, plan, postgres)
        if best is None or _foreign(run) < _foreign(best):
            best = run
        if not best.noisy or time.monotonic() > deadline:
            break
    assert best is not None
    return best


def _foreign(run: Run) -> float:
    return run.outcome.usage.foreign_cores if run.outcome is not None else float("inf")


async def _once(case: Case, target: Target, number: int, plan: Plan, postgres: Postgres) -> Run:
    try:
        async with asyncio.timeout(case.limit_s), stage(target, postgres) as made:
            outcome = await case.run(made, plan)
    except (RemoteError, DidNotStart, TimeoutError, OSError) as fault:
        return Run(case.name, target.name, number, None, fault=f"{type(fault).__name__}: {fault}")
    return Run(case.name, target.name, number, outcome, outcome.usage.foreign_cores > plan.foreign_cores)
