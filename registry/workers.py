"""What workers report of themselves every second."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from registry.reports import known_fields
from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

ALIVE_S = 5.0
"""A worker that has not reported for this long is taken for dead."""

FORGET_AFTER_S = 60.0
"""The report of one that was silent for this long is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """What a worker says of itself; None: it does not say. Counts are since its process began.

    started_ms: Unix ms. folded_entries, transactions: committed. folded_s: entries a second since its last report.
    lag_s: age of the oldest that waits for a worker, or that this one has in hand. jobs_held: rooms in hand.
    parked: poison entries. quarantined: updates of documents that no sandbox survived. lost: times that entries were
    gone from the log before they were folded. claims: jobs taken over from workers that fell silent.
    sql_ok: whether its last transaction found the database.
    """

    version: str | None = None
    started_ms: int | None = None
    pid: int | None = None
    folded_entries: int | None = None
    transactions: int | None = None
    folded_s: float | None = None
    lag_s: float | None = None
    jobs_held: int | None = None
    parked: int | None = None
    quarantined: int | None = None
    lost: int | None = None
    claims: int | None = None
    sql_ok: bool | None = None
    rss_bytes: int | None = None
    cpu_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReport(WorkerFacts):
    """A worker as it last reported itself, `seen_s` ago."""

    name: str
    alive: bool
    seen_s: float


class Workers:
    """The workers' reports: hash worker -> JSON {time, …}, time by the log server's clock. All calls may be repeated
    and raise LogUnavailable."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._key = keys.workers
        self._client = client

    async def report(self, worker: str, facts: WorkerFacts) -> None:
        """Say that this worker is alive."""
        args = [worker, json.dumps(asdict(facts))]
        await retrying(lambda: run_script(self._client, "worker_report", [self._key], args), 1.0)

    async def leave(self, worker: str) -> None:
        await retrying(lambda: self._client.hdel(self._key, worker), 1.0)

    async def reports(self, deadline_s: float = 5.0) -> list[WorkerReport]:
        """Every worker that has reported and not left, by name; until they are removed the dead among them too."""

        async def read() -> tuple[dict[bytes, bytes], float]:
            return await self._client.hgetall(self._key), await now_ms(self._client) / 1000

        raw, now = await retrying(read, deadline_s)
        reports = {name.decode(): json.loads(body) for name, body in raw.items()}
        return [_report(name, report, now - report["time"]) for name, report in sorted(reports.items())]

    async def remove_dead(self) -> None:
        """Remove the reports of workers that have been silent for a minute."""
        for report in await self.reports():
            if report.seen_s > FORGET_AFTER_S:
                await self.leave(report.name)


def _report(name: str, report: dict[str, Any], seen_s: float) -> WorkerReport:
    return WorkerReport(
        name=name, alive=seen_s < ALIVE_S, seen_s=round(max(seen_s, 0.0), 3), **known_fields(WorkerFacts, report)
    )
