"""What people see while the demo runs, on standard error: bars, and a line when something is done to the system."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cli.demo.conversation import Conversation

REFRESH_S = 0.2


class Display:
    """Use it as a context manager; `say` works before and after too."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"))
        self._progress = Progress(*columns, console=self._console)

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        self._console.print(f"{time.monotonic() - self._started:5.1f} s  {text}", markup=False, soft_wrap=True)

    async def follow(self, conversations: Sequence[Conversation]) -> None:
        """Move one bar per document until all are streamed."""
        with self._progress:
            bars = [(self._progress.add_task(c.document.name, total=len(c.script)), c) for c in conversations]
            while not self._progress.finished:
                await asyncio.sleep(REFRESH_S)
                for bar, conversation in bars:
                    self._progress.update(bar, completed=len(conversation.sent))
