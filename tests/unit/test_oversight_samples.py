"""The last hour is made of samples, whoever took them."""

from __future__ import annotations

from oversight.samples import GAUGES, RATES, SLOTS, STEP_S, Sample, history_of, sample_of
from registry.nodes import NodeReport
from registry.shard import ShardNumbers
from registry.workers import WorkerReport
from streams.server import ServerFacts

STEP_MS = STEP_S * 1000
NOW = 1_763_700_000_000


def at(steps_ago: int, connections: float, late_ms: int = 0, **counts: int) -> Sample:
    """A sample of some steps ago; counts: of delivered events, by node."""
    return Sample(NOW - steps_ago * STEP_MS + late_ms, {"connections": connections}, {"delivered_s": counts})


def newest(name: str, *samples: Sample, count: int = 4) -> list[float | None]:
    return list(history_of(samples, NOW).series[name].values[-count:])


def test_every_series_has_a_value_or_none_for_each_step_of_the_hour() -> None:
    history = history_of([], NOW)
    assert set(history.series) == {*GAUGES, *RATES}
    assert all(series.values == (None,) * SLOTS for series in history.series.values())
    assert history.from_ms == NOW - (SLOTS - 1) * STEP_MS


def test_a_sample_stands_in_its_step_and_none_where_nobody_sampled() -> None:
    assert newest("connections", at(3, 1), at(1, 3), at(0, 4)) == [1, None, 3, 4]


def test_of_two_samplers_in_one_step_the_later_counts() -> None:
    assert newest("connections", at(1, 5), at(1, 6, late_ms=900)) == [None, None, 6, None]


def test_what_is_older_than_an_hour_is_not_shown() -> None:
    assert set(history_of([at(SLOTS, 1)], NOW).series["connections"].values) == {None}


def test_rates_are_made_of_what_processes_count_since_they_began() -> None:
    samples = at(3, 0, a=100, b=10), at(2, 0, a=200, b=30), at(0, 0, a=200, b=230)
    assert newest("delivered_s", *samples) == [None, 12.0, None, 10.0]


def test_a_process_that_came_or_went_makes_no_rate_of_its_own() -> None:
    assert newest("delivered_s", at(1, 0, gone=900), at(0, 0, new=800)) == [None] * 4
    assert newest("delivered_s", at(1, 0, gone=900, a=0), at(0, 0, new=800, a=50))[-1] == 5.0
    assert newest("delivered_s", at(1, 0, a=900), at(0, 0, a=0))[-1] == 0.0, "a count that began anew"


def test_a_sample_adds_up_living_nodes_and_leaves_out_what_is_not_known() -> None:
    def node(name: str, *, alive: bool, connections: int | None, delivered: int | None) -> NodeReport:
        return NodeReport(
            name=name, alive=alive, seen_s=0, position="1-0", connections=connections, delivered=delivered
        )

    nodes = [
        node("a", alive=True, connections=2, delivered=7),
        node("b", alive=True, connections=3, delivered=None),
        node("dead", alive=False, connections=9, delivered=9),
    ]
    workers = [WorkerReport(name="w", alive=True, seen_s=0, folded_entries=5)]
    sample = sample_of(nodes, workers, ShardNumbers(NOW, 4, 0, 1.5, 2, 0, 0, None), ServerFacts())
    assert sample.gauges == {"connections": 5, "rooms": 4, "fold_lag_s": 1.5, "dead_letters": 2}
    assert sample.counts["delivered_s"] == {"a": 7}
    assert sample.counts["folded_s"] == {"w": 5}
    assert sample.counts["appended_s"] == {}
