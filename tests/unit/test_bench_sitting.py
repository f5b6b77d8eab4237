"""A benchmark that goes on where an earlier one stopped."""

from __future__ import annotations

from pathlib import Path

from bench.cases.base import Outcome
from bench.cases.idle import Idle
from bench.cases.joins import Joins
from bench.conductor import Run
from bench.plan import QUICK
from bench.report.results import Results, read
from bench.sitting import PAGE, RESULTS, Sitting, resumed
from bench.targets.peers import FLOOR, PYSIO
from bench.window import Usage

ABOUT = {
    "when": "then",
    "seconds": 2.0,
    "interrupted": True,
    "machine": {"cpus": "2"},
    "versions": {"Roomlog": "abc"},
}
IDLE, JOINS = Idle((PYSIO, FLOOR)), Joins((PYSIO,))


def run(case: str, target: str, outcome: bool = True) -> Run:
    return Run(case, target, 0, Outcome({"rss_mb_per_1000": 1.0}, Usage(1.0, {}, 0.0)) if outcome else None, fault="")


def stored(folder: Path, *runs: Run) -> Path:
    Results(ABOUT, runs).write(folder / RESULTS)
    return folder


def test_without_anything_kept_everything_is_made(tmp_path: Path) -> None:
    assert resumed(tmp_path, [IDLE], again=False) == ([], [])


def test_what_has_figures_is_kept_and_its_sitting_named(tmp_path: Path) -> None:
    folder = stored(tmp_path, run("idle", PYSIO.name), run("idle", FLOOR.name, outcome=False))
    kept, before = resumed(folder, [IDLE], again=False)
    assert [made.target for made in kept] == [PYSIO.name]
    assert [sitting["Roomlog"] for sitting in before] == ["abc"]


def test_cases_that_are_made_again_lose_what_they_had_and_others_keep_it(tmp_path: Path) -> None:
    folder = stored(tmp_path, run("idle", PYSIO.name), run("joins", PYSIO.name))
    kept, _ = resumed(folder, [IDLE], again=True)
    assert [made.case for made in kept] == ["joins"]


def test_what_is_written_on_the_way_says_that_it_is_not_all(tmp_path: Path) -> None:
    sitting = Sitting([IDLE], [IDLE, JOINS], QUICK, tmp_path)
    sitting.write(Results(ABOUT, [run("idle", PYSIO.name)]), plots=False)
    page = (tmp_path / PAGE).read_text()
    assert "**interrupted**" in page
    assert IDLE.title in page
    assert JOINS.title not in page
    assert len(read(tmp_path / RESULTS).runs) == 1
