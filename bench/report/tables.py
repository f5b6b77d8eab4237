"""The Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.cases.base import Case, Shown
from bench.figures import Spread
from bench.report.goals import Judged
from bench.report.results import Results

DOCUMENTS = """Documents, beside Hocuspocus, y-websocket and Open WebUI's way, are measured by `make bench-documents`:
[documents.md](documents.md). What each case does and how to read this page: [bench/README.md](../../bench/README.md).
"""


def page(results: Results, cases: Sequence[Case], judged: Sequence[Judged], plots: Sequence[str]) -> str:
    """The whole page."""
    parts = ["# Benchmarks\n", _about(results), DOCUMENTS, "## Goals\n", goals(judged)]
    for case in cases:
        parts += [f"## {case.title}\n", table(results, case)]
        parts += [f"![{case.name}]({plot})\n" for plot in plots if plot.startswith(case.name.replace(" ", "-") + ".")]
    return "\n".join(parts)


def _about(results: Results) -> str:
    about = results.about
    noisy = sum(run.noisy for run in results.runs)
    failed = [run for run in results.runs if run.outcome is None]
    lines = [
        "Made by `make bench`; do not edit. CPU is the kernel's count for the processes named, in µs per delivery.",
        "Figures are medians of the runs (least–largest); the ratio to the first row's is behind the ×.",
        "",
        f"- {about['when']}, {', '.join(about['machine'].values())}",
        "- " + ", ".join(f"{name} {version}" for name, version in about["versions"].items()),
        f"- {len(results.runs)} runs in {about['seconds']:.0f} s; {noisy} with foreign load"
        + (" (**noisy**: a target all of whose runs were is marked ~)" if noisy else ""),
        *(_sitting(sitting) for sitting in about.get("before", ())),
    ]
    if about.get("interrupted"):
        lines.append("- **interrupted**: these are the runs that were made until then")
    lines += [f"- **failed**: {run.case}, {run.target}: {run.fault.splitlines()[0]}" for run in failed]
    return "\n".join(lines) + "\n"


def _sitting(sitting: Mapping[str, Any]) -> str:
    """Of an earlier sitting of which runs were kept."""
    return f"- runs of before were kept: {sitting['when']}, Roomlog {sitting['Roomlog']}, {sitting['seconds']:.0f} s"


def table(results: Results, case: Case) -> str:
    """One case: a row a target, a column a figure."""
    shown = [s for s in case.shown if any(results.figure(case.name, t.name, s.figure) for t in case.targets)]
    rows = ["| | " + " | ".join(column.label for column in shown) + " | runs |", "|---" * (len(shown) + 2) + "|"]
    for target in case.targets:
        mark = " ~" if results.noisy(case.name, target.name) else ""
        cells = [_cell(results, case, target.name, column) for column in shown]
        runs = sum(1 for _ in results.of(case.name, target.name))
        rows.append(f"| {target.name}{mark} | " + " | ".join([*cells, str(runs)]) + " |")
    return "\n".join(rows) + "\n"


def _cell(results: Results, case: Case, target: str, column: Shown) -> str:
    found = results.figure(case.name, target, column.figure)
    if found is None:
        return "–"
    first = case.targets[0].name
    base = results.figure(case.name, first, column.figure)
    ratio = f" ×{found.median / base.median:.2f}" if base and base.median and target != first else ""
    return f"{number(found.median)}{_range(found)}{ratio}"


def _range(found: Spread) -> str:
    low, high = number(found.low), number(found.high)
    return f" ({low}–{high})" if found.runs > 1 and low != high else ""


def number(value: float) -> str:
    """Three digits, whole numbers above a hundred with separators."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def goals(judged: Sequence[Judged]) -> str:
    """What was wanted, what is."""
    rows = ["| goal | limit | now | |", "|---|---|---|---|"]
    rows += [f"| {j.goal.text} | {j.goal.sign} {number(j.goal.limit)} | {j.shown} | {j.verdict} |" for j in judged]
    return "\n".join(rows) + "\n"
