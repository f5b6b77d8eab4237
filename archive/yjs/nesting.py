"""How deep types lie in types, as far as one update shows it.

An item names its parent, or an item beside it, whose parent is its own. Both may stand anywhere in the update, or not
in it at all.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter

from archive.yjs.errors import Malformed
from archive.yjs.limits import Limits

Id = tuple[int, int]
"""(client, clock)"""


Link = tuple[int, bool, bool, Id | None, Id | None]
"""What stands from a clock on: (clock, holds, is_type, parent, beside). A plain tuple: there is one for every struct.

holds: other items may hang from it. is_type: it is a type, and not what is left of one.
parent, beside: the id of what it hangs from, or of what stands beside it; neither: it hangs from a root type, or it is
no item.
"""


_Place = tuple[int, int]  # client, index of one of its links


class Chains:
    """The items of one update by what they hang from. `links`: each client's, in the order of their clocks."""

    __slots__ = ("_depths", "_links")

    def __init__(self, links: dict[int, list[Link]]) -> None:
        self._links = links
        self._depths: dict[_Place, int] = {}

    def longest(self, limits: Limits) -> int:
        """The number of types in the longest chain.

        Raises OverLimit (nesting), or Malformed when items hang from each other or from what can hold nothing.
        """
        most = 0
        for client, links in self._links.items():
            for index, (_, _, is_type, parent, _) in enumerate(links):
                if is_type or parent:
                    most = max(most, self._depth((client, index)) + is_type)
        limits.check("nesting", most)
        return most

    def _depth(self, place: _Place) -> int:
        """How many types of this update are around an item. Not recursive: a chain may be as long as the update."""
        path: list[tuple[_Place, int]] = []
        at: _Place | None = place
        walked: set[_Place] = set()
        while at is not None and at not in self._depths:
            if at in walked:
                raise Malformed("structs that hang from each other")
            walked.add(at)
            below, step = self._next(at)
            path.append((at, step))
            at = below
        depth = 0 if at is None else self._depths[at]
        for each, step in reversed(path):
            depth += step
            self._depths[each] = depth
        return depth

    def _next(self, place: _Place) -> tuple[_Place | None, int]:
        """Where an item hangs, and how many types deeper it is than that."""
        client, index = place
        _, _, _, parent, beside = self._links[client][index]
        if beside:
            return self._find(beside), 0
        below = self._find(parent) if parent else None
        if below is None:
            return None, 0
        _, holds, is_type, _, _ = self._links[below[0]][below[1]]
        if not holds:
            raise Malformed("a struct inside one that holds nothing")
        return below, int(is_type)

    def _find(self, target: Id) -> _Place | None:
        client, clock = target
        links = self._links.get(client, ())
        index = bisect_right(links, clock, key=itemgetter(0)) - 1
        return (client, index) if index >= 0 else None
