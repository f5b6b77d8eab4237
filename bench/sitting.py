"""A sitting: cases are run, and what there is by then is on the disk after every run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.cases.base import Case
from bench.conductor import Conductor, Run, turns
from bench.plan import Plan
from bench.progress import Progress
from bench.report.goals import GOALS, Judged, judge
from bench.report.machine import machine, versions
from bench.report.plots import draw
from bench.report.results import Results, read
from bench.report.tables import page
from bench.servers import Postgres, postgres

RESULTS = "results.json"
PAGE = "README.md"


@dataclass(slots=True)
class Sitting:
    """cases: to be run now. known: all that the page may have, of which it has those with runs.

    kept: runs of earlier sittings, which stay. before: what is known about those sittings.
    """

    cases: Sequence[Case]
    known: Sequence[Case]
    plan: Plan
    folder: Path
    kept: Sequence[Run] = ()
    before: Sequence[Mapping[str, Any]] = ()
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_s: float = field(default_factory=time.monotonic)

    def run(self) -> Results:
        """Run the cases; what came of it is written, also when it is interrupted."""
        progress = Progress(self._total(), lambda text: print(text, end="", flush=True))
        progress.note(
            f"{self._total()} runs, at most {self.plan.budget_s / 60:.0f} minutes and the last run; loopback only"
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        with postgres() as server:
            about = self._about(server)
            conductor: Conductor

            def keep() -> None:
                self.write(Results({**about, **self._now(interrupted=True)}, conductor.runs), plots=False)

            conductor = Conductor(self.plan, server, progress, self.kept, keep)
            interrupted = False
            try:
                asyncio.run(conductor.conduct(self.cases))
            except KeyboardInterrupt:
                interrupted = True
                progress.note("\ninterrupted: what was measured so far is written; --merge goes on with it")
        results = Results({**about, **self._now(interrupted=interrupted)}, conductor.runs)
        self.write(results, plots=True)
        return results

    def write(self, results: Results, plots: bool) -> None:
        """The results' JSON, the page, and, if wanted, the plots."""
        results.write(self.folder / RESULTS)
        shown, judged = self.shown(results), self.judged(results)
        (self.folder / PAGE).write_text(page(results, shown, judged, []))
        if plots:
            (self.folder / PAGE).write_text(page(results, shown, judged, draw(results, shown, self.folder)))

    def shown(self, results: Results) -> list[Case]:
        """The cases that have runs."""
        names = {run.case for run in results.runs}
        return [case for case in self.known if case.name in names]

    def judged(self, results: Results) -> list[Judged]:
        """The goals of these cases, and of those that were to be run."""
        names = {case.name for case in (*self.shown(results), *self.cases)}
        return judge(results, [goal for goal in GOALS if goal.case in names])

    def _total(self) -> int:
        """How many runs are to be made."""
        have = {(run.case, run.target, run.round) for run in self.kept}
        return sum(
            (case.name, target.name, number) not in have
            for number in range(self.plan.runs)
            for case, target in turns(self.cases, number)
        )

    def _about(self, server: Postgres) -> dict[str, Any]:
        return {"machine": machine(), "versions": versions(server)}

    def _now(self, *, interrupted: bool) -> dict[str, Any]:
        """What is to be said of when it was measured, and of the sittings before."""
        when, seconds = self.began.strftime("%Y-%m-%d %H:%M UTC"), time.monotonic() - self.started_s
        return {"when": when, "seconds": seconds, "interrupted": interrupted, "before": list(self.before)}


def resumed(folder: Path, cases: Sequence[Case], again: bool) -> tuple[list[Run], list[Mapping[str, Any]]]:
    """The runs that stay of what the folder has, and the sittings that they are of.

    again: the cases are measured anew; otherwise only what they lack.
    """
    if not (folder / RESULTS).exists():
        return [], []
    results = read(folder / RESULTS)
    names = {case.name for case in cases} if again else set()
    about = results.about
    sitting = {name: about[name] for name in ("when", "seconds", "interrupted")}
    sitting["Roomlog"] = about["versions"]["Roomlog"]
    kept = [run for run in results.runs if run.case not in names and run.outcome is not None]
    return kept, [*about.get("before", []), sitting]
