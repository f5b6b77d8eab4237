"""The benchmark's report says what the runs say: medians of quiet runs, ratios, goals met and missed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.cases.base import Outcome
from bench.cases.idle import Idle
from bench.conductor import Run
from bench.report.goals import GOALS, Goal, Judged, judge
from bench.report.results import Results, read
from bench.report.tables import number, page, table
from bench.suite import suite
from bench.targets.peers import FLOOR, PYSIO
from bench.targets.roomlog import Roomlog
from bench.window import Usage

ABOUT = {"when": "now", "seconds": 1.0, "machine": {"cpus": "2"}, "versions": {"Roomlog": "0"}}
FIGURE = "rss_mb_per_1000"


def run(target: str, value: float, *, number: int = 0, noisy: bool = False) -> Run:
    return Run("idle", target, number, Outcome({FIGURE: value}, Usage(1.0, {}, 0.0)), noisy)


def results(*runs: Run) -> Results:
    return Results(ABOUT, runs)


def goal(sign: str, limit: float, peers: tuple[str, ...] = ()) -> Goal:
    return Goal("a goal", "idle", FIGURE, sign, limit, peers)


def value_of(found: Results, wanted: Goal) -> float | None:
    (judged,) = judge(found, [wanted])
    return judged.value


def test_a_figure_is_the_median_of_the_quiet_runs() -> None:
    found = results(run("Roomlog", 1), run("Roomlog", 3), run("Roomlog", 2), run("Roomlog", 99, noisy=True))
    spread = found.figure("idle", "Roomlog", FIGURE)
    assert spread is not None
    assert (spread.median, spread.low, spread.high, spread.runs) == (2, 1, 3, 3)


def test_noisy_runs_count_only_when_there_are_no_others() -> None:
    found = results(run("Roomlog", 7, noisy=True))
    spread = found.figure("idle", "Roomlog", FIGURE)
    assert spread is not None
    assert spread.median == 7
    assert found.noisy("idle", "Roomlog")


def test_a_run_without_figures_is_kept_with_its_fault(tmp_path: Path) -> None:
    found = results(Run("idle", "Roomlog", 0, None, fault="TimeoutError: "), run("Roomlog", float("nan")))
    assert found.figure("idle", "Roomlog", FIGURE) is None
    found.write(tmp_path / "results.json")
    kept = json.loads((tmp_path / "results.json").read_text())
    assert kept["runs"][0]["fault"] == "TimeoutError: "
    assert kept["runs"][1]["outcome"]["figures"][FIGURE] is None


def test_a_ratio_is_to_the_better_of_the_peers() -> None:
    found = results(run("Roomlog", 10), run("slow", 40), run("fast", 20))
    assert value_of(found, goal("≤", 1, ("slow", "fast"))) == 0.5
    assert value_of(found, goal("≥", 1, ("slow", "fast"))) == 0.25


def test_a_goal_without_peers_is_on_the_figure_itself() -> None:
    assert value_of(results(run("Roomlog", 10)), goal("≤", 1)) == 10


def test_a_goal_without_figures_is_not_measured_and_not_met() -> None:
    (judged,) = judge(results(), [goal("≤", 1)])
    assert judged.value is None
    assert not judged.met
    assert judged.shown == "not measured"


@pytest.mark.parametrize(
    ("sign", "limit", "value", "verdict"),
    [
        ("≤", 1.0, 1.0, "**met**"),
        ("≤", 0.5, 1.0, "missed by × 2.00"),
        ("≥", 3.0, 1.0, "missed by × 3.00"),
        ("≥", 3.0, 3.5, "**met**"),
        ("≤", 0.0, 2.0, "missed"),
    ],
)
def test_a_missed_goal_says_by_how_much(sign: str, limit: float, value: float, verdict: str) -> None:
    assert Judged(goal(sign, limit), value).verdict == verdict


def test_a_table_rates_every_target_by_the_first() -> None:
    case = Idle((Roomlog(), PYSIO, FLOOR))
    text = table(results(run("Roomlog", 10), run("python-socketio", 25)), case)
    rows = text.splitlines()
    assert rows[2] == "| Roomlog | 10 | 1 |"
    assert rows[3] == "| python-socketio | 25 ×2.50 | 1 |"
    assert rows[4].endswith("| – | 0 |")


def test_numbers_have_three_digits() -> None:
    assert [number(value) for value in (0.12345, 12.345, 0, 1234567.8)] == ["0.123", "12.3", "0", "1,234,568"]


def test_a_page_has_every_case_and_names_what_failed() -> None:
    case = Idle((Roomlog(),))
    found = results(Run("idle", "Roomlog", 0, None, fault="DidNotStart: port\nmore"))
    text = page(found, [case], judge(found, GOALS), [])
    assert case.title in text
    assert "**failed**: idle, Roomlog: DidNotStart: port" in text


def test_every_goal_is_of_a_case_and_a_target_of_the_full_suite() -> None:
    targets = {case.name: {target.name for target in case.targets} for case in suite(quick=False)}
    for each in GOALS:
        assert each.target in targets[each.case], each
        assert not each.peers or targets[each.case] & set(each.peers), each


def test_names_of_cases_and_targets_are_unique() -> None:
    for quick in (True, False):
        cases = suite(quick)
        assert len({case.name for case in cases}) == len(cases)
        for case in cases:
            assert len({target.name for target in case.targets}) == len(case.targets)


def test_what_was_kept_is_read_as_it_was(tmp_path: Path) -> None:
    found = results(run("Roomlog", 1.5, number=2, noisy=True), Run("idle", "other", 0, None, fault="gone"))
    found.write(tmp_path / "results.json")
    again = read(tmp_path / "results.json")
    assert (again.about, list(again.runs)) == (found.about, list(found.runs))
