"""All runs of a benchmark, as they are kept in JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.cases.base import Outcome
from bench.conductor import Run
from bench.figures import Spread, spread
from bench.window import Usage


@dataclass(frozen=True, slots=True)
class Results:
    """about: when, where, what: see `sitting.py`. runs: of all cases, in the order in which they were made."""

    about: dict[str, Any]
    runs: Sequence[Run]

    def of(self, case: str, target: str) -> Iterator[Run]:
        """The runs of a target in a case that have figures."""
        return (r for r in self.runs if r.case == case and r.target == target and r.outcome is not None)

    def figure(self, case: str, target: str, name: str) -> Spread | None:
        """A figure over its runs, the quiet ones if there are any; None when it was never measured."""
        found = [
            (r.noisy, r.outcome.figures[name]) for r in self.of(case, target) if r.outcome and name in r.outcome.figures
        ]
        found = [(noisy, value) for noisy, value in found if not math.isnan(value)]
        values = [value for noisy, value in found if not noisy] or [value for _, value in found]
        return spread(values) if values else None

    def noisy(self, case: str, target: str) -> bool:
        """Whether all runs of a target in a case had foreign load."""
        runs = list(self.of(case, target))
        return bool(runs) and all(run.noisy for run in runs)

    def write(self, path: Path) -> None:
        """Keep everything as JSON."""
        body = {**self.about, "runs": [asdict(run) for run in self.runs]}
        path.write_text(json.dumps(plain(body), indent=1) + "\n")


def read(path: Path) -> Results:
    """What `write` kept. Raises OSError, and KeyError or TypeError for what was kept by something else."""
    body = json.loads(path.read_text())
    runs = [_run(run) for run in body.pop("runs")]
    return Results(body, runs)


def _run(kept: dict[str, Any]) -> Run:
    outcome = kept.pop("outcome")
    if outcome is None:
        return Run(**kept, outcome=None)
    figures = {name: math.nan if value is None else value for name, value in outcome["figures"].items()}
    return Run(**kept, outcome=Outcome(figures, Usage(**outcome["usage"])))


def plain(value: Any) -> Any:
    """Rounded to what was measured, and without NaN, which JSON has not."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value
