"""How much is measured: the full plan, and a quick one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """runs: of every case and target. budget_s: no run begins after it. window_s: of a paced measurement.
    saturated_s: of a saturated one. warm_s: of traffic before a window. retries: of a run with foreign load.
    repeats_s: what all of these may take. foreign_cores: what others may use of the CPU on average in a window; above
    it the run is noisy."""

    quick: bool
    runs: int
    budget_s: float
    window_s: float
    saturated_s: float
    warm_s: float
    retries: int
    repeats_s: float
    foreign_cores: float = 0.15


FULL = Plan(quick=False, runs=3, budget_s=1420, window_s=3.0, saturated_s=2.0, warm_s=0.7, retries=1, repeats_s=150)
QUICK = Plan(quick=True, runs=1, budget_s=150, window_s=2.5, saturated_s=1.5, warm_s=0.5, retries=0, repeats_s=0)
