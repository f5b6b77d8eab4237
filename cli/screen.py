"""What commands print: tables and lines for people, JSON for programs, progress for who watches."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPE_COLUMNS = 1_000
"""Nobody looks at a pipe's edge: what is written into one is not cut off."""


def console() -> Console:
    """Standard output: as wide as the terminal, in colours unless NO_COLOR is set."""
    from rich.console import Console

    seen = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if seen else PIPE_COLUMNS)


@contextmanager
def progress(words: str) -> Iterator[None]:
    """Say what takes its time while it does, to a terminal only."""
    from rich.console import Console

    told = Console(stderr=True)
    if not told.is_terminal:
        yield
        return
    with told.status(words):
        yield


def print_json(value: Any) -> None:
    """A value of the admin API, as it says it, on one line."""
    import orjson

    typer.echo(orjson.dumps(value).decode())


def table(*columns: str, numbers: Iterable[str] = (), broken: Iterable[str] = ()) -> Table:
    """A table without lines. numbers: columns that stand to the right.

    broken: columns that go on in the next line where the screen is narrow, the first one if left out: nothing is cut.
    """
    from rich.table import Table

    made = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        justify: Literal["right", "left"] = "right" if column in numbers else "left"
        made.add_column(column, justify=justify, overflow="fold", no_wrap=column not in (broken or columns[:1]))
    return made


def cell(value: object, style: str = "") -> Text:
    """A value as it is: what stands in an entry is no markup and no escape sequence. None is told as a dash."""
    from rich.text import Text

    return Text("–" if value is None else printable(str(value)), style=style)  # noqa: RUF001  # a dash, meant


def printable(text: str) -> str:
    """Text without what a terminal would obey."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def size(count: int | None) -> str | None:
    """Bytes as people say them."""
    if count is None:
        return None
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def lasting(seconds: float | None) -> str | None:
    """A time span as people say it, in one unit."""
    if seconds is None:
        return None
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def clock(ms: int | None) -> str | None:
    """Unix ms, in UTC."""
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
