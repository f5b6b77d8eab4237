"""What the log raises. redis-py's exceptions are translated to these at the edge of this package and nowhere else."""

from __future__ import annotations

from redis import exceptions as redis_errors

RETRYABLE = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.BusyLoadingError,
    redis_errors.ReadOnlyError,
    redis_errors.TryAgainError,
    redis_errors.ClusterDownError,
    redis_errors.MasterDownError,
    OSError,
)
"""Faults of the link or of a server that is coming up, failing over or full: another try may succeed."""


class LogError(Exception):
    """Base of everything that `streams` raises on purpose."""


class RoomFull(LogError):
    """The room's stream is at its hard cap because nothing folds it. Nothing was appended. Try again later."""

    def __init__(self, room: str, cap: int) -> None:
        super().__init__(f"room {room} holds {cap} entries that no worker has folded; refusing more")
        self.room = room


class LogUnavailable(LogError):
    """The log did not answer in time. Whether the entry was appended is not known: retry with an idempotency key."""


class KeyReused(LogError):
    """The idempotency key was used before for another payload. Nothing was appended."""


class Fenced(LogError):
    """The entry is of a run that is over: a newer one took its place, or it was closed. Nothing was appended."""


class DocumentUnknown(LogError):
    """The log cannot vouch for what it has of the document. Nothing was appended. Open it, and append again."""


class DocumentGap(LogError):
    """The update needs structs that the log does not have. Nothing was appended. Its sender has to send them too."""


class Moved(LogError):
    """The other room that the entry was to stand behind has a newer entry. Nothing was appended."""


class OtherEpoch(LogError):
    """The update is of another history of the document. Nothing was appended. current: the document's epoch."""

    def __init__(self, room: str, current: str) -> None:
        super().__init__(f"{room} has another history by now, {current}")
        self.current = current


class Seeded(LogError):
    """The document is not empty: somebody else's first content won. Nothing was appended."""


class DocumentFull(LogError):
    """The document would be above its size. Nothing was appended.

    unfolded_bytes: what of its size is updates that no worker has folded: folded they take less.
    """

    def __init__(self, room: str, cap_bytes: int, unfolded_bytes: int) -> None:
        super().__init__(f"{room} would be above {cap_bytes} bytes, {unfolded_bytes} of them not folded")
        self.cap_bytes = cap_bytes
        self.unfolded_bytes = unfolded_bytes


class EntryTooLarge(LogError):
    """The entry is above the size limit. Nothing was appended."""


class ServerUnfit(LogError):
    """The Redis server cannot carry the log: missing, too old, wrong password, or it would evict streams."""
