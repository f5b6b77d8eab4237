"""What is shown while it runs: one line a run."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """say: prints a line."""

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total = total
        self._say = say
        self._done = 0
        self._started = time.monotonic()
        self._line = ""
        self._began = 0.0

    def begin(self, number: int, case: str, target: str) -> None:
        """A run begins."""
        self._done += 1
        self._began = time.monotonic()
        self._line = f"[{self._done:>3}/{self._total}] round {number + 1}  {case:<18} {target:<28}"

    def end(self, how: str) -> None:
        """It ended."""
        now = time.monotonic()
        self._say(f"{self._line} {now - self._began:5.1f} s  {now - self._started:5.0f} s in all  {how}")

    def note(self, text: str) -> None:
        self._say(text)
