"""The order of the benchmark's runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.cases.idle import Idle
from bench.cases.joins import Joins
from bench.conductor import Conductor, turns
from bench.plan import QUICK
from bench.program import DidNotStart
from bench.progress import Progress
from bench.servers import Postgres
from bench.targets.base import Place, Running
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


async def test_a_run_that_fails_is_kept_with_its_fault_and_the_others_go_on() -> None:
    said: list[str] = []
    plan = replace(QUICK, runs=1)
    made = Conductor(plan, Postgres("", 0), Progress(2, said.append))
    await made.conduct([Idle((Broken(), Broken()), runs=1)])
    assert [run.fault for run in made.runs] == ["DidNotStart: no such program"] * 2
    assert "DidNotStart: no such program" in "".join(said)


async def test_nothing_begins_when_the_budget_is_used_up() -> None:
    said: list[str] = []
    plan = replace(QUICK, budget_s=0)
    made = Conductor(plan, Postgres("", 0), Progress(1, said.append))
    await made.conduct([Idle((Broken(),))])
    assert made.runs == []
    assert "budget" in "".join(said)


@dataclass(frozen=True, slots=True)
class Broken:
    """A target that does not start."""

    name: str = "broken"

    async def start(self, place: Place) -> Running:
        raise DidNotStart("no such program")
