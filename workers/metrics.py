"""Prometheus metrics of a worker: its tally, read when somebody asks. The loops count as they always did."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from telemetry.catalogue import Catalogue, Family
from workers import __version__
from workers.tally import Tally

Read = Callable[[Tally], float]


def _counter(name: str, meaning: str, question: str, read: Read) -> tuple[Family, Read]:
    return Family(name, "counter", meaning, question, {}), read


def _gauge(name: str, meaning: str, question: str, read: Read) -> tuple[Family, Read]:
    return Family(name, "gauge", meaning, question, {}), read


TALLIED = (
    _counter(
        "roomlog_folded_entries_total",
        "Entries that this worker folded and committed.",
        "How much does this worker do?",
        lambda tally: tally.folded_entries,
    ),
    _counter(
        "roomlog_fold_transactions_total",
        "Transactions in which it committed them.",
        "How many entries share a commit?",
        lambda tally: tally.transactions,
    ),
    _counter(
        "roomlog_parked_entries_total",
        "Times that an entry no fold could take was made a dead letter; again when its batch is tried in parts.",
        "Do producers send what cannot be folded?",
        lambda tally: tally.parked,
    ),
    _counter(
        "roomlog_quarantined_updates_total",
        "Updates of documents that no sandbox survived.",
        "Does somebody send deadly updates?",
        lambda tally: tally.quarantined,
    ),
    _counter(
        "roomlog_log_gaps_total",
        "Times that entries were missing from the log before they were folded.",
        "Was anything lost for PostgreSQL?",
        lambda tally: tally.lost,
    ),
    _counter(
        "roomlog_claimed_jobs_total",
        "Jobs taken over from workers that fell silent.",
        "Do workers die, or hang?",
        lambda tally: tally.claims,
    ),
    _gauge(
        "roomlog_jobs_held", "Rooms that it folds right now.", "Is this worker busy?", lambda tally: tally.jobs_held
    ),
    _gauge(
        "roomlog_fold_in_hand_seconds",
        "Age of the oldest entry that it has in hand; 0 when none.",
        "Is one worker stuck while others go on?",
        lambda tally: tally.in_hand_s(),
    ),
    _gauge(
        "roomlog_worker_sql_ok",
        "1 when its last transaction found the database.",
        "Does this worker reach PostgreSQL?",
        lambda tally: tally.sql_ok,
    ),
    _gauge(
        "roomlog_worker_log_ok",
        "1 when its last report reached the log, at most seconds ago.",
        "Does this worker reach the log?",
        lambda tally: tally.log_ok,
    ),
)
BUILD = ("roomlog_build_info", "1, with what runs here.", "Do all workers run the same version?")


class TallyMetrics(Collector):
    """A tally as Prometheus' metrics."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        for family, read in TALLIED:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            yield kind(family.name, family.meaning, value=float(read(self._tally)))


def catalogue_of(tally: Tally) -> Catalogue:
    """All that a worker with this tally exports."""
    made = Catalogue()
    made.gauge(*BUILD, version=(), python=()).labels(__version__, platform.python_version()).set(1)
    made.families += [family for family, _read in TALLIED]
    made.registry.register(TallyMetrics(tally))
    return made
