"""What is done to every target."""

from __future__ import annotations

from dataclasses import dataclass

from bench.documents.cost import Cost

UPDATES = 100_000
MISSED = 200
LIVE = 2_000
CLIENTS = 5
"""That join, one after the other; figures are for one of them."""


@dataclass(frozen=True, slots=True)
class Step:
    """traffic: whether bytes of clients belong to it. unit_ms: of its CPU and time as they are shown. by_nodes: nodes'
    CPU is shown apart; not where one target does with its nodes what another does with its worker."""

    name: str
    title: str
    traffic: bool
    unit: str
    unit_ms: float
    by_nodes: bool = True


FIRST = Step("first", f"First join of a document of {UPDATES:,} updates", True, "ms", 1.0)
BACK = Step("back", f"Back after {MISSED} missed updates", True, "ms", 1.0)
FOLD = Step("fold", f"{UPDATES:,} updates until they are stored", False, "s", 1000.0, by_nodes=False)
EDIT = Step("edit", f"An update through a socket, of {LIVE:,}", False, "µs", 0.001)
STEPS = (FIRST, BACK, FOLD, EDIT)


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of a step's table. note: what is to be known about it."""

    step: Step
    target: str
    cost: Cost
    note: str = ""
