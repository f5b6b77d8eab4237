"""Why an update is not taken."""

from __future__ import annotations


class Malformed(ValueError):
    """Not an update, a vector or a state of format v1, or one that no honest editor writes.

    reason: one line; it never quotes the user's text.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OverLimit(ValueError):
    """Well formed as far as it was read, and more than is allowed.

    limit: the field of Limits that it breaks. most: what that allows.
    """

    def __init__(self, limit: str, most: int) -> None:
        super().__init__(f"more than {most} {limit}")
        self.limit = limit
        self.most = most


class Unmergeable(ValueError):
    """The library that merges updates refused them, though each passed the reader."""
