"""`python -m bench`: run the suite and write its results. `make bench` is this with everything installed."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path

from bench.plan import FULL, QUICK
from bench.remote import ROOT
from bench.report.tables import goals, table
from bench.sitting import Sitting, resumed
from bench.suite import suite


def main() -> int:
    """Returns the exit code: 1 when no run of some case gave figures."""
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started us with SIGINT ignored
        signal.signal(number, signal.default_int_handler)
    options = _options()
    plan = QUICK if options.quick else FULL
    plan = replace(plan, runs=options.runs or plan.runs, budget_s=options.minutes * 60 or plan.budget_s)
    known = suite(plan.quick and not options.case)
    cases = [case for case in known if not options.case or case.name in options.case]
    if not cases or set(options.case or ()) - {case.name for case in known}:
        sys.exit(f"no such case; there are {', '.join(case.name for case in known)}")
    whole = not plan.quick and (options.merge or not options.case)
    folder = options.out or (ROOT / "docs" / "benchmarks" if whole else ROOT / ".bench")
    kept, before = resumed(folder, cases, again=bool(options.case)) if options.merge else ([], [])
    sitting = Sitting(cases, known, plan, folder, kept, before)
    results = sitting.run()
    print(goals(sitting.judged(results)))
    for case in cases:
        print(f"{case.title}\n\n{table(results, case)}")
    print(f"written to {folder}")
    failed = [c.name for c in cases if all(r.outcome is None for r in results.runs if r.case == c.name)]
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Roomlog beside its peers, in the same run.")
    parser.add_argument("--quick", action="store_true", help="the chief cases, or --case, once and shorter; to .bench")
    parser.add_argument("--case", action="append", help="only this case (may be given more than once); to .bench")
    parser.add_argument("--runs", type=int, default=0, help="runs of every case and target")
    parser.add_argument("--minutes", type=float, default=0, help="no run begins after so many")
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument(
        "--merge",
        action="store_true",
        help="keep the runs that the folder (docs/benchmarks) has: make those that are missing, or the --case anew",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
