"""The plots: one SVG a case, a group of bars a figure, a bar a target, whiskers from the least to the largest run."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cases.base import Case, Shown
from bench.report.goals import US
from bench.report.results import Results

A_ROW = 4
INCHES_EACH = 2.8
INCHES_HIGH = 2.3
INCHES_LEGEND = 0.6
TITLE_CHARACTERS = 110
LABEL_CHARACTERS = 34
OURS = ("#1d4ed8", "#60a5fa", "#bfdbfe")
THEIRS = ("#f59e0b", "#ef4444", "#10b981", "#8b5cf6", "#6b7280")


def draw(results: Results, cases: Sequence[Case], folder: Path) -> list[str]:
    """Draw all cases that have figures; returns the files' names."""
    import matplotlib  # only where it is drawn: a bench without plots needs none

    matplotlib.use("svg")
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text: a tenth of the size
    matplotlib.rcParams["svg.hashsalt"] = "roomlog"  # the same figures make the same file
    from matplotlib import pyplot

    names = []
    for case in cases:
        shown = [s for s in case.shown if s.plotted and _is_measured(results, case, s)]
        if not shown:
            continue
        rows = math.ceil(len(shown) / A_ROW)
        size = (INCHES_EACH * A_ROW, INCHES_HIGH * rows + INCHES_LEGEND)
        figure, grid = pyplot.subplots(rows, A_ROW, figsize=size, squeeze=False)
        axes = grid.flatten().tolist()
        for axis, column in zip(axes, shown, strict=False):
            _bars(axis, results, case, column)
        for axis in axes[len(shown) :]:
            axis.remove()
        legend = axes[0].get_legend_handles_labels()
        figure.legend(*legend, loc="lower center", ncol=A_ROW, frameon=False, fontsize="small")
        figure.suptitle("\n".join(textwrap.wrap(case.title, TITLE_CHARACTERS)), fontsize="medium")
        figure.tight_layout(rect=(0, INCHES_LEGEND / size[1], 1, 1))
        names.append(f"{case.name}.svg")
        figure.savefig(folder / names[-1], metadata={"Date": None})
        pyplot.close(figure)
    return names


def _is_measured(results: Results, case: Case, column: Shown) -> bool:
    return any(results.figure(case.name, target.name, column.figure) for target in case.targets)


def _colours(names: Sequence[str]) -> list[str]:
    """Blues for us, in the order in which they stand; others have their own."""
    ours, theirs = itertools.cycle(OURS), itertools.cycle(THEIRS)
    return [next(ours if name.startswith(US) else theirs) for name in names]


def _bars(axis: Any, results: Results, case: Case, column: Shown) -> None:
    colours = _colours([target.name for target in case.targets])
    for place, (target, colour) in enumerate(zip(case.targets, colours, strict=True)):
        found = results.figure(case.name, target.name, column.figure)
        value = found.median if found else 0.0
        whiskers = [[value - found.low], [found.high - value]] if found else None
        axis.bar(place, value, yerr=whiskers, color=colour, label=target.name, capsize=2, error_kw={"linewidth": 0.8})
    label = column.label + (" (less is better)" if column.less else " (more is better)")
    axis.set_title("\n".join(textwrap.wrap(label, LABEL_CHARACTERS)), fontsize="small")
    axis.set_xticks([])
    axis.tick_params(labelsize="small")
    axis.spines[["top", "right"]].set_visible(False)
