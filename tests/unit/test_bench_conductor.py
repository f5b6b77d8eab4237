"""The order of the benchmark's runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.cases.base import Outcome
from bench.cases.idle import Idle
from bench.cases.joins import Joins
from bench.conductor import Conductor, Run, turns
from bench.plan import QUICK
from bench.program import DidNotStart
from bench.progress import Progress
from bench.servers import Postgres
from bench.targets.base import Place, Running
from bench.targets.peers import FLOOR, OWUI, PYSIO
from bench.window import Usage


def test_every_round_begins_a_case_with_another_target() -> None:
    case = replace(Idle((PYSIO, OWUI, FLOOR)), runs=99)
    firsts = [turns([case], number)[0][1].name for number in range(3)]
    assert firsts == [PYSIO.name, OWUI.name, FLOOR.name]


def test_a_case_of_fewer_runs_has_them_in_the_first_rounds() -> None:
    case = Joins((PYSIO,), runs=1)
    assert [len(turns([case], number)) for number in range(3)] == [1, 0, 0]


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


async def test_what_was_kept_is_not_made_again_and_every_run_is_told_at_once() -> None:
    told: list[int] = []
    kept = Run("idle", "broken", 0, Outcome({}, Usage(1.0, {}, 0.0)))
    made = Conductor(QUICK, Postgres("", 0), Progress(2, lambda _: None), [kept], lambda: told.append(len(made.runs)))
    await made.conduct([Idle((Broken(), Broken("also broken")))])
    assert [run.target for run in made.runs] == ["broken", "also broken"]
    assert told == [2]
