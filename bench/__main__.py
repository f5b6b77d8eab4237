"""`python -m bench`: run the suite and write its results. `make bench` is this with everything installed."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.cases.base import Case
from bench.conductor import Conductor
from bench.plan import FULL, QUICK, Plan
from bench.progress import Progress
from bench.remote import ROOT
from bench.report.goals import GOALS, Judged, judge
from bench.report.machine import machine, versions
from bench.report.plots import draw
from bench.report.results import Results
from bench.report.tables import goals, page, table
from bench.servers import postgres
from bench.suite import suite


def main() -> int:
    """Returns the exit code: 1 when no run of some case gave figures."""
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    options = _options()
    plan = QUICK if options.quick else FULL
    plan = replace(plan, runs=options.runs) if options.runs else plan
    cases = [case for case in suite(plan.quick) if not options.case or case.name in options.case]
    if not cases:
        sys.exit(f"no such case; there are {', '.join(case.name for case in suite(plan.quick))}")
    results = measure(cases, plan)
    partial = plan.quick or options.case or results.about["interrupted"]
    folder = options.out or (ROOT / ".bench" if partial else ROOT / "docs" / "benchmarks")
    judged = judge(results, [goal for goal in GOALS if any(goal.case == case.name for case in cases)])
    write(results, cases, judged, folder)
    print(goals(judged))
    for case in cases:
        print(f"{case.title}\n\n{table(results, case)}")
    print(f"written to {folder}")
    failed = [c.name for c in cases if all(r.outcome is None for r in results.runs if r.case == c.name)]
    return 1 if failed else 0


def measure(cases: Sequence[Case], plan: Plan) -> Results:
    """Run the cases."""
    began, started = datetime.now(UTC), time.monotonic()
    total = sum(min(plan.runs, case.runs) * len(case.targets) for case in cases)
    progress = Progress(total, lambda text: print(text, end="", flush=True))
    progress.note(f"{total} runs, at most {plan.budget_s / 60:.0f} minutes and the last run; loopback only")
    with postgres() as server:
        conductor = Conductor(plan, server, progress)
        interrupted = False
        try:
            asyncio.run(conductor.conduct(cases))
        except KeyboardInterrupt:
            interrupted = True
            progress.note("\ninterrupted: what was measured so far is written")
        found = versions(server)
    seconds = time.monotonic() - started
    about = {"when": began.strftime("%Y-%m-%d %H:%M UTC"), "seconds": seconds, "interrupted": interrupted}
    return Results({**about, "machine": machine(), "versions": found}, conductor.runs)


def write(results: Results, cases: Sequence[Case], judged: Sequence[Judged], folder: Path) -> None:
    """results.json, README.md and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "results.json")
    plots = draw(results, cases, folder)
    (folder / "README.md").write_text(page(results, cases, judged, plots))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Roomlog beside its peers, in the same run.")
    parser.add_argument("--quick", action="store_true", help="the chief cases, once; written to .bench")
    parser.add_argument("--case", action="append", help="only this case (may be given more than once); to .bench")
    parser.add_argument("--runs", type=int, default=0, help="runs of every case and target")
    parser.add_argument("--out", type=Path, help="folder of the results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
