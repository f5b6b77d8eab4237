"""The order of the benchmark's runs."""

from __future__ import annotations

from dataclasses import replace

from bench.cases.idle import Idle
from bench.cases.joins import Joins
from bench.conductor import turns
from bench.targets.peers import FLOOR, OWUI, PYSIO


def test_every_round_begins_a_case_with_another_target() -> None:
    case = replace(Idle((PYSIO, OWUI, FLOOR)), runs=99)
    firsts = [turns([case], number, 3)[0][1].name for number in range(3)]
    assert firsts == [PYSIO.name, OWUI.name, FLOOR.name]


def test_a_case_of_fewer_runs_has_them_in_the_last_rounds() -> None:
    case = Joins((PYSIO,), runs=1)
    assert [len(turns([case], number, 3)) for number in range(3)] == [0, 0, 1]


def test_a_case_never_has_more_runs_than_there_are_rounds() -> None:
    assert len(turns([Joins((PYSIO,), runs=99)], 0, 1)) == 1
