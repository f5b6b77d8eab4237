"""A token bucket: how much of something one socket may do. No I/O, the clock is passed in."""

from __future__ import annotations


class Bucket:
    """Fills by `rate` a second up to `burst`; full at first."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now

    def take(self, amount: float, now: float) -> float:
        """Take an amount. Returns 0.0, or the seconds after which it will be there; then nothing was taken.

        More than the bucket can hold is taken from a full one, which owes the rest.
        """
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        needed = min(amount, self._burst)
        if self._left < needed:
            return (needed - self._left) / self._rate
        self._left -= amount
        return 0.0
