"""Makes the pages that say what the code says: `python docs/generate.py`; with `--check` it tells which differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))  # run as a script, from wherever

from typer import Context  # noqa: E402  # behind the path
from typer.cli import get_docs_for_click  # noqa: E402
from typer.main import get_command  # noqa: E402

from app.metrics import NODE  # noqa: E402
from cli.main import app  # noqa: E402
from telemetry.catalogue import Family  # noqa: E402
from workers.metrics import catalogue_of  # noqa: E402
from workers.tally import Tally  # noqa: E402

CLI = """# The command line

<!-- Made by docs/generate.py from the code: do not edit. -->

`roomlog` is in the virtual environment: `.venv/bin/roomlog` after `make run`. It finds the servers as a node does: by
the same settings, or in the data folder, where it joins the servers of a running `make run` (or starts them for as long
as it needs them). It talks to the servers themselves, no node has to run. So whoever may run it holds their passwords,
and sees what the console withholds from admins: direct messages and groups, too.

- **For people**: tables that fit the terminal, in colours unless `NO_COLOR` is set. A pipe gets the same without
  colours, and nothing cut off.
- **For programs**: `--json`, in the shapes of the admin API ([contract](contract.md), section 9), one document a line.
  `check --json` is `{{"ok", "findings": [{{"level", "about", "what", "cure"}}]}}`. Remarks and errors are on standard
  error.
- **Exit codes**: 0 it is done; 1 it failed, and one line says why; 2 a setting or an argument is bad. `status` ends
  with 1 when a server is away, `check` with 1 when something must be mended (warnings are 0), `tasks stop` with 1 when
  the task did not end by it. Ctrl-C ends `tail` with 0.
- **Who did what**: everything that changes something is kept for the audit as `cli:` and the name of the system's user.
- **Completion** for bash, zsh, fish and PowerShell: `roomlog --install-completion` once, or
  `roomlog --show-completion` to put it somewhere.

{reference}
"""


METRICS = """# Metrics

<!-- Made by docs/generate.py from the code: do not edit. -->

Nodes answer `GET /metrics` on their port. Workers answer it, and `/livez`, on `WORKER_METRICS_PORT` (off by default) at
`WORKER_METRICS_HOST`. No label ever names a room, a user or a session. A series with known labels is there from the
start.

What every node sees alike is of the whole system: ask for its `max()`, never for its `sum()`. It is looked at when
`/metrics` is asked for, at most every 5 seconds, and is `NaN` while the log's server does not answer: `roomlog_unready`
tells then which part is away. A latency is measured between two machines' clocks: `roomlog_clock_offset_seconds`.

Rules that wake somebody are in [deploy/prometheus/alerts.yml](../deploy/prometheus/alerts.yml), a dashboard in
[deploy/grafana/dashboards/roomlog.json](../deploy/grafana/dashboards/roomlog.json).

## Nodes

{nodes}

## Workers

{workers}

## Every process

Both export what Prometheus' client knows of any process, on Linux: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_start_time_seconds`, `process_open_fds`,
`process_max_fds`, `python_info`.
"""


def metrics() -> str:
    """docs/metrics.md."""
    return METRICS.format(nodes=_families(NODE.families), workers=_families(catalogue_of(Tally()).families))


def cli() -> str:
    """docs/cli.md."""
    reference = get_docs_for_click(obj=get_command(app), ctx=Context(get_command(app)), name="roomlog")
    return CLI.format(reference=reference.partition("\n")[2].strip())


def _families(families: Iterable[Family]) -> str:
    rows = [
        (f"`{one.name}`", one.kind, _labels(one), one.meaning, one.question)
        for one in sorted(families, key=lambda one: one.name)
    ]
    return table(("metric", "type", "labels", "meaning", "what it answers"), rows)


def _labels(family: Family) -> str:
    return "; ".join(f"{name}: {', '.join(values) or 'any'}" for name, values in family.labels.items()) or "none"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli, "metrics.md": metrics}
"""What each page must say. A new page: a function that returns its text, and a line here."""


def differing() -> list[str]:
    """Pages that are not what the code says."""
    return [name for name, made in PAGES.items() if _text(name) != made()]


def _text(name: str) -> str:
    page = DOCS / name
    return page.read_text() if page.exists() else ""


def main(arguments: list[str]) -> int:
    """Returns the exit code: 1 when `--check` found a page that differs."""
    if "--check" in arguments:
        for name in differing():
            print(f"docs/{name} is not what the code says: python docs/generate.py", file=sys.stderr)
        return 1 if differing() else 0
    for name, made in PAGES.items():
        (DOCS / name).write_text(made())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
