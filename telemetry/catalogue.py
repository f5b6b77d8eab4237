"""The metrics of one kind of process: what it exports, and what the page about them says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", bound=MetricWrapperBase)

disable_created_metrics()  # type: ignore[no-untyped-call]  # one more series per counter that nobody asks for


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. question: what somebody wants to know who looks at it.

    labels: every value that each label takes; none where they cannot be listed (a version).
    """

    name: str
    kind: str
    meaning: str
    question: str
    labels: Mapping[str, tuple[str, ...]]

    @property
    def series(self) -> Iterable[tuple[str, ...]]:
        """Every combination of label values."""
        return product(*self.labels.values())


class Catalogue:
    """Metrics of one kind of process, and those of any process: CPU, memory, files, the Python in use.

    Every series of a label that is known beforehand is there from the start, at 0: a rate has no first value missing.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.families: list[Family] = []
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def counter(self, name: str, meaning: str, question: str, **labels: tuple[str, ...]) -> Counter:
        made = Counter(name, meaning, list(labels), registry=self.registry)
        return self._listed(made, Family(name, "counter", meaning, question, labels))

    def gauge(self, name: str, meaning: str, question: str, **labels: tuple[str, ...]) -> Gauge:
        made = Gauge(name, meaning, list(labels), registry=self.registry)
        return self._listed(made, Family(name, "gauge", meaning, question, labels))

    def histogram(self, name: str, meaning: str, question: str, buckets: tuple[float, ...]) -> Histogram:
        made = Histogram(name, meaning, buckets=buckets, registry=self.registry)
        return self._listed(made, Family(name, "histogram", meaning, question, {}))

    def _listed(self, made: M, family: Family) -> M:
        self.families.append(family)
        if family.labels:
            for values in family.series:
                made.labels(*values)
        return made
