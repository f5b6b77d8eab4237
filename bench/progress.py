"""What is shown while it runs: one line a run, begun when the run begins."""

from __future__ import annotations

import time
from collections.abc import Callable


class Progress:
    """write: prints text as it is, at once."""

    def __init__(self, total: int, write: Callable[[str], None]) -> None:
        self._total = total
        self._write = write
        self._done = 0
        self._started = time.monotonic()
        self._began = 0.0

    def begin(self, number: int, case: str, target: str) -> None:
        """A run begins."""
        self._done += 1
        self._began = time.monotonic()
        self._write(f"[{self._done:>3}/{self._total}] round {number + 1}  {case:<18} {target:<36} ")

    def end(self, how: str) -> None:
        """It ended."""
        now = time.monotonic()
        self._write(f"{now - self._began:5.1f} s  {now - self._started:5.0f} s in all  {how}\n")

    def note(self, text: str) -> None:
        """A line of its own, between runs."""
        self._write(f"{text}\n")
