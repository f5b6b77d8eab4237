"""How long reader and writer of the log wait, so that entries travel in batches when there are many. No I/O."""

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


CROWD = (1.1, 8.0)
"""Entries of a batch between which a pause gathers more: below, one caller awaits each of its appends, and would only
be slowed down; above, they gather by themselves while the batch before them is on its way."""

WEIGHT = 0.1
"""Of the last batch, in the mean."""


class Gathering:
    """The same for who sends batches, and is asked behind each."""

    def __init__(self, longest_s: float) -> None:
        self._pace = Pace(longest_s)
        self._mean = 1.0

    def after(self, entries: int, now: float) -> float:
        """Seconds to wait after a batch of so many entries."""
        self._mean += (entries - self._mean) * WEIGHT
        pause_s = self._pace.after(entries, now)
        return pause_s if CROWD[0] < self._mean < CROWD[1] else 0.0
