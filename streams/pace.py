"""How long a tail waits before its next read, so that entries arrive in batches when there are many. No I/O."""

from __future__ import annotations

from math import exp

WINDOW_S = 0.05
"""Over which the rate of entries is judged."""

WORTH = 2.0
"""Entries that a pause must be expected to gather: a pause for fewer costs latency and saves nothing."""


class Pace:
    """Judges by the rate of the last moments. longest_s: the longest pause; 0 never to wait."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._rate = 0.0
        self._at = 0.0

    def after(self, entries: int, now: float) -> float:
        """Seconds to wait after a read that brought so many entries at loop time `now`: 0, or the longest pause."""
        elapsed = max(now - self._at, 1e-6)
        self._at = now
        self._rate += (entries / elapsed - self._rate) * (1 - exp(-elapsed / WINDOW_S))
        return self._longest_s if self._rate * self._longest_s >= WORTH else 0.0
