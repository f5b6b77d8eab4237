"""The plots: one SVG a case, a group of bars a figure, a bar a target, whiskers from the least to the largest run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cases.base import Case, Shown
from bench.report.results import Results

INCHES_EACH = 3.2
HEIGHT = 3.4
BAR_COLOURS = ("#2563eb", "#60a5fa", "#93c5fd", "#f59e0b", "#fbbf24", "#10b981", "#34d399", "#9ca3af", "#d1d5db")


def draw(results: Results, cases: Sequence[Case], folder: Path) -> list[str]:
    """Draw all cases that have figures; returns the files' names."""
    import matplotlib  # only where it is drawn: a bench without plots needs none

    matplotlib.use("svg")
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text: a tenth of the size
    matplotlib.rcParams["svg.hashsalt"] = "roomlog"  # the same figures make the same file
    from matplotlib import pyplot

    names = []
    for case in cases:
        shown = [s for s in case.shown if any(results.figure(case.name, t.name, s.figure) for t in case.targets)]
        if not shown:
            continue
        figure, axes = pyplot.subplots(1, len(shown), figsize=(INCHES_EACH * len(shown), HEIGHT), squeeze=False)
        for axis, column in zip(axes[0], shown, strict=True):
            _bars(axis, results, case, column)
        figure.legend(
            *axes[0][0].get_legend_handles_labels(), loc="lower center", ncol=4, frameon=False, fontsize="small"
        )
        figure.suptitle(case.title, fontsize="medium")
        figure.tight_layout(rect=(0, 0.14, 1, 1))
        names.append(f"{case.name}.svg")
        figure.savefig(folder / names[-1], metadata={"Date": None})
        pyplot.close(figure)
    return names


def _bars(axis: Any, results: Results, case: Case, column: Shown) -> None:
    for place, target in enumerate(case.targets):
        found = results.figure(case.name, target.name, column.figure)
        value = found.median if found else 0.0
        whiskers = [[value - found.low], [found.high - value]] if found else None
        colour = BAR_COLOURS[place % len(BAR_COLOURS)]
        axis.bar(place, value, yerr=whiskers, color=colour, label=target.name, capsize=2, error_kw={"linewidth": 0.8})
    axis.set_title(column.label + (" (less is better)" if column.less else " (more is better)"), fontsize="small")
    axis.set_xticks([])
    axis.tick_params(labelsize="small")
    axis.spines[["top", "right"]].set_visible(False)
