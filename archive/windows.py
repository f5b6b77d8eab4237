"""Pages of lists whose stored part is read by a window, while some of its rows may change in the not yet folded tail.

Those rows, the touched ones, are left out of the window and read one by one; here they go back to their places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Window:
    """skip, limit: the page that is wanted. touched: how many rows are left out of the window at most."""

    skip: int
    limit: int
    touched: int

    @property
    def offset(self) -> int:
        """Where the window begins among the untouched: so many touched ones may stand before it."""
        return max(self.skip - self.touched, 0)

    @property
    def count(self) -> int:
        """How many untouched rows the window needs."""
        return self.skip - self.offset + self.limit

    def page(self, window: Sequence[T], touched: Iterable[T], order: Callable[[T], Any]) -> list[T]:
        """The page. window: the untouched rows, sorted by `order`. touched: those that are there, in any order."""
        if self.offset and not window:
            return []
        among = list(touched)
        inside = [row for row in among if not self.offset or order(row) > order(window[0])]
        first = self.skip - self.offset - (len(among) - len(inside))
        return sorted([*window, *inside], key=order)[first : first + self.limit]
