"""What a worker needs to know, filled in by `main` from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.documents import FoldDue
from workers.document_fold import Effort


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """fold_window_s: how long a round gathers jobs, from the first, so that many deltas share one UPDATE.
    claim_after_s: how long a job's holder may be silent before another worker takes it.
    retention_s: how long folded entries are kept for clients that come back.
    room_keep: how many entries of a room are kept at most, if they are folded.
    sweep_every_s: the pause between two walks over all rooms.
    room_cap, log_length: limits of the appends that close what dead processes left unfinished.
    interrupt_every_s: the pause between two looks for such.
    reap_every_s: the pause between two rounds of the reaper.
    compact_every_s: the pause between two looks for documents that are due.
    compactors: documents that a worker folds at a time: one that ends its sandbox again and again keeps no other.
    document_entries, document_bytes: what one fold of a document takes up at most.
    document_effort: when one fold of a document ends its search for what ends the sandbox.
    document_keep_bytes: what the log keeps of a document at most, if it is folded.
    fold_due: when documents are due.
    metrics_host, metrics_port: where /metrics and /livez are answered; port 0: nowhere.
    round_rooms, round_entries: what one transaction takes up at most; a room always gets `slice_entries_min`.
    """

    fold_window_s: float = 0.2
    claim_after_s: float = 10.0
    retention_s: float = 86_400.0
    room_keep: int = 50_000
    sweep_every_s: float = 30.0
    reap_every_s: float = 10.0
    room_cap: int = 100_000
    log_length: int = 100_000
    interrupt_every_s: float = 1.0
    compact_every_s: float = 0.2
    compactors: int = 2
    document_entries: int = 25_000
    document_bytes: int = 4 << 20
    document_effort: Effort = field(default_factory=Effort)
    document_keep_bytes: int = 16 << 20
    fold_due: FoldDue = field(default_factory=FoldDue)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    round_rooms: int = 500
    round_entries: int = 10_000
    slice_entries_min: int = 50

    def slice_entries(self, rooms: int) -> int:
        """How many entries of each room a round of so many rooms reads."""
        return max(self.slice_entries_min, self.round_entries // max(rooms, 1))
