"""How long reader and writer of the log wait, so that entries travel in batches when there are many. No I/O."""

from __future__ import annotations

from math import exp

WINDOW_S = 0.05
"""Over which the rate of entries is judged."""

WORTH = 2.0
"""Entries that a pause must be expected to gather: a pause for fewer costs latency and saves nothing."""


class Pace:
    """Judges by the rate of the last moments. longest_s: the longest pause; 0 never to wait. worth: entries that a
    pause must be expected to gather."""

    def __init__(self, longest_s: float, worth: float = WORTH) -> None:
        self.worth = worth
        self._longest_s = longest_s
        self._rate = 0.0
        self._at = 0.0

    def after(self, entries: int, now: float) -> float:
        """Seconds to wait after a read that brought so many entries at loop time `now`: 0, or the longest pause."""
        elapsed = max(now - self._at, 1e-6)
        self._at = now
        self._rate += (entries / elapsed - self._rate) * (1 - exp(-elapsed / WINDOW_S))
        return self._longest_s if self._rate * self._longest_s >= self.worth else 0.0


WEIGHT = 0.1
"""Of the last batch, in the mean."""

READS_A_LOOK = 16
"""Of so many reads one is made without its pause, to see how entries come by themselves."""


class Reading:
    """The same for who reads, and is asked behind each read.

    What a sender has gathered comes as one read anyway: a pause is for several that would come within it.
    """

    def __init__(self, longest_s: float) -> None:
        self._pace = Pace(longest_s)
        self._mean = 1.0
        self._paused = False
        self._reads = 0

    def after(self, entries: int, now: float) -> float:
        """Seconds to wait after a read that brought so many entries at loop time `now`."""
        if not self._paused:
            self._mean += (entries - self._mean) * WEIGHT
            self._pace.worth = WORTH * self._mean
        self._reads += 1
        pause_s = self._pace.after(entries, now)
        self._paused = bool(pause_s) and self._reads % READS_A_LOOK != 0
        return pause_s if self._paused else 0.0


CROWD = 32.0
"""Entries of a batch, in the mean, above which they gather by themselves while the batch before them is on its way."""

WORTH_A_TRY = 1.5
"""For a sender, who then sees what the pause gathered."""

TRIES_APART = (8, 1024)
"""Batches until a pause is tried again after one that gathered nothing: first, and at most, doubling between."""


class Gathering:
    """The same for who sends, and is asked behind each batch.

    A caller who awaits each of its appends is only slowed down by a pause: one that gathers nothing is soon given up.
    """

    def __init__(self, longest_s: float) -> None:
        self._pace = Pace(longest_s, WORTH_A_TRY)
        self._mean = 1.0
        self._paused = False
        self._rest = 0
        self._next_rest = TRIES_APART[0]

    def after(self, entries: int, now: float) -> float:
        """Seconds to wait after a batch of so many entries."""
        self._mean += (entries - self._mean) * WEIGHT
        self._judge(entries)
        pause_s = self._pace.after(entries, now)
        self._paused = bool(pause_s) and not self._rest and self._mean < CROWD
        return pause_s if self._paused else 0.0

    def _judge(self, entries: int) -> None:
        """Whether there are others to wait for."""
        if entries > 1:
            self._rest, self._next_rest = 0, TRIES_APART[0]
        elif self._paused:
            self._rest, self._next_rest = self._next_rest, min(self._next_rest * 2, TRIES_APART[1])
        elif self._rest:
            self._rest -= 1
