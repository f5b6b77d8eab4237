"""The page of the documents' benchmark, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.documents.cost import Cost
from bench.documents.steps import CLIENTS, STEPS, Figure, Step
from bench.plan import FULL
from bench.report.results import plain
from bench.report.tables import number

NOISY = FULL.foreign_cores

HEAD = f"""# Documents

Made by `make bench-documents`; do not edit. Every target gets the same history of a note: three people who type in runs
at random places, one update a key. Bytes are of one client's messages as the application has them, without frames'
heads, not compressed; the median of {CLIENTS} clients that come one after the other, each checked to have the whole
text. CPU is the kernel's count, for one of them: of the nodes, and of all servers (nodes, worker, Redis, PostgreSQL).
The ratio to the table's first row is behind the ×. Time is until the client was in step.
~: others used more than {NOISY} CPUs of the machine meanwhile: times are longer, and CPU a little; bytes are exact.
"""

FOOT = """## What is compared

- Roomlog: two nodes, a worker, Valkey and PostgreSQL, tokens and access checked; its clients keep no document open in a
  server: there is none in memory, whoever is there. The rate limits of a socket are raised for the last table.
- Hocuspocus, with its own provider: one node as it is configured by default, its database extension over SQLite
  (`node:sqlite`; its SQLite extension is a native add-on). No Redis, no authentication.
- y-websocket's server, with its own provider: one node, nothing stored.
- Open WebUI's way: rebuilt from a description of it, one node and Valkey: a list of updates as lists of numbers, the
  whole state with every join, squashed within requests. No authentication, no access check, no rendered content.
- The last table: sent and awaited 16 at a time (Roomlog), 50 at a time (Node's), one at a time (Open WebUI's way). Sent
  all at once, 100,000 updates take Hocuspocus minutes: it merges those of one turn of its event loop.
- Not here: y-redis; npm's registry has no `@y/redis`.
- The bench's clients of Roomlog and of Open WebUI's way are Python, the others Node: so compare servers' CPU, and times
  only with care.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """faults: of targets that gave no figures, by name."""

    about: Mapping[str, Any]
    figures: Sequence[Figure]
    faults: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """documents.json and documents.md."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{"step": f.step.name, "target": f.target, "note": f.note, **asdict(f.cost)} for f in self.figures]
        body = {**self.about, "faults": dict(self.faults), "figures": rows}
        (folder / "documents.json").write_text(json.dumps(plain(body), indent=1) + "\n")
        (folder / "documents.md").write_text(self.page())

    def page(self) -> str:
        """All tables."""
        tables = [f"## {step.title}\n\n{table(self.of(step), step)}" for step in STEPS]
        return "\n".join([HEAD, self._about(), *tables, FOOT])

    def of(self, step: Step) -> list[Figure]:
        return [figure for figure in self.figures if figure.step == step]

    def _about(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.about["versions"].items())
        lines = [
            f"- {self.about['when']}, {', '.join(self.about['machine'].values())}; {self.about['seconds']:.0f} s",
            f"- {versions}",
            *(f"- **failed**: {target}: {fault}" for target, fault in self.faults.items()),
        ]
        return "\n".join(lines) + "\n"


def table(figures: Sequence[Figure], step: Step) -> str:
    """A row a target."""
    heads = ["received, B", "sent, B"] if step.traffic else []
    heads += [f"nodes' CPU, {step.unit}"] if step.by_nodes else []
    heads += [f"servers' CPU, {step.unit}", f"time, {step.unit}"]
    rows = ["| | " + " | ".join([*heads, ""]) + " |", "|---" * (len(heads) + 2) + "|"]
    for figure in figures:
        values, base = _values(figure.cost, step), _values(figures[0].cost, step)
        cells = [
            number(v) + (_ratio(v, b) if figure is not figures[0] else "") for v, b in zip(values, base, strict=True)
        ]
        mark = " ~" if figure.cost.foreign_cores > NOISY else ""
        rows.append(f"| {figure.target}{mark} | " + " | ".join([*cells, figure.note]) + " |")
    return "\n".join(rows) + "\n"


def _values(cost: Cost, step: Step) -> list[float]:
    found: list[float] = []
    ms = cost.ms
    if step.traffic and cost.traffic is not None:
        found += [cost.traffic.received, cost.traffic.sent]
        ms = cost.traffic.ms
    timed = (cost.nodes_ms, cost.servers_ms, ms) if step.by_nodes else (cost.servers_ms, ms)
    return found + [value / step.unit_ms for value in timed]


def _ratio(value: float, base: float) -> str:
    return f" ×{value / base:.2f}" if base else ""
