"""Statistics: percentiles of one run, and medians over runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over several runs."""

    median: float
    low: float
    high: float
    runs: int


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of all are not above. ordered: ascending, not empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> Spread:
    """Median, least and largest; the median of an even number is the mean of the middle two."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Spread(median, ordered[0], ordered[-1], len(ordered))


def latencies(nanoseconds: Sequence[int]) -> dict[str, float]:
    """p50, p99, p99.9 and the largest, in milliseconds; nothing for no samples."""
    if not nanoseconds:
        return {}
    ordered = sorted(nanoseconds)
    shares = {"p50_ms": 0.5, "p99_ms": 0.99, "p99.9_ms": 0.999}
    return {name: percentile(ordered, share) / 1e6 for name, share in shares.items()} | {"max_ms": ordered[-1] / 1e6}
