"""What a case is, and what several of them do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.plan import Plan
from bench.stage import Stage
from bench.targets.base import Target
from bench.window import Usage

Figures = Mapping[str, float]
"""Name of a figure, with its unit -> value. A name that means the same has the same spelling in all cases."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure that the tables have. less: the smaller the better. plotted: it stands in the plots too."""

    figure: str
    label: str
    less: bool = True
    plotted: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. usage: of its main window, by which foreign load is judged."""

    figures: Figures
    usage: Usage


class Case(Protocol):
    """One thing that is done to several targets."""

    @property
    def name(self) -> str:
        """In results and file names."""

    @property
    def title(self) -> str:
        """One line for readers."""

    @property
    def targets(self) -> Sequence[Target]:
        """Tables compare each with the first."""

    @property
    def runs(self) -> int:
        """At most so many, in the last of the plan's rounds."""

    @property
    def limit_s(self) -> float:
        """A run that takes longer is given up."""

    @property
    def shown(self) -> Sequence[Shown]:
        """What the tables have."""

    async def run(self, stage: Stage, plan: Plan) -> Outcome:
        """Measure one target once."""


def costs(usage: Usage, per: float, what: str) -> dict[str, float]:
    """CPU µs per delivery or event (`per` of them), of each role; `what`: its name. NaN when there was none.

    "servers": nodes and Redis, which is what peers are compared by.
    """
    share = 1e6 / per if per else math.nan
    each = {f"{role}_us_per_{what}": seconds * share for role, seconds in usage.cpu_s.items() if role != "conductor"}
    return each | {f"servers_us_per_{what}": (usage.cpu_s.get("node", 0.0) + usage.cpu_s["redis"]) * share}


def faults(report: Mapping[str, Any]) -> dict[str, float]:
    """What must be zero."""
    return {name: float(report[name]) for name in ("lost", "repeated", "disordered", "resets", "closed")}


def latency(report: Mapping[str, Any]) -> dict[str, float]:
    return {name: report[name] for name in ("p50_ms", "p99_ms", "p99.9_ms", "max_ms") if name in report}


def prefixed(prefix: str, figures: Figures) -> dict[str, float]:
    """The figures under names that begin with `prefix` and a blank."""
    return {f"{prefix} {name}": value for name, value in figures.items()}
