"""What a worker traces, when tracing is on: its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from streams.jobs import Job
from workers.persister import Persister

if TYPE_CHECKING:
    from telemetry.tracing import Tracing


class TracedPersister(Persister):
    """A persister with a span for every round that has something to fold.

    A round folds entries of many requests: it is no child of any. Rooms and times tell which it had.
    """

    def __init__(self, tracing: Tracing, *args: Any) -> None:
        super().__init__(*args)
        self._tracing = tracing

    async def persist(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        with self._tracing.span("fold") as span:
            rooms = sorted({job.room for job in jobs})
            span.note(roomlog__rooms=len(rooms), roomlog__room=rooms[0])
            await super().persist(jobs)
