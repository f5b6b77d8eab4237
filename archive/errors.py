"""What can go wrong between the log and its tables, sorted by what the caller has to do about it."""

from __future__ import annotations

from streams.entry import Position


class ArchiveError(Exception):
    """Root of this package's errors."""


class FoldError(ArchiveError):
    """An entry that cannot be folded, now or ever: not JSON, or not the shape that its type promises.

    position: the entry's position; the caller parks that entry and goes on with the others.
    reason: one line for the dead letter. It names fields and JSON types, never the user's text.
    """

    def __init__(self, position: Position, reason: str) -> None:
        super().__init__(f"{position}: {reason}")
        self.position = position
        self.reason = reason


class ArchiveUnavailable(ArchiveError):
    """The database cannot answer now; nothing was stored. The same call may be made again later."""


class ArchiveRefused(ArchiveError):
    """The database rejects the data itself; nothing was stored, and the same call will fail again.

    It names the kind of error, and the table, constraint or column; never the value, which PostgreSQL's words quote.
    """


class DatabaseUnusable(ArchiveError):
    """PostgreSQL is unreachable, refuses the login, or is too old. One line, without the password."""
