"""Makes the pages that say what the code says: `python docs/generate.py`; with `--check` it tells which differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))  # run as a script, from wherever

from pydantic_core import PydanticUndefined  # noqa: E402  # behind the path
from typer import Context  # noqa: E402
from typer.cli import get_docs_for_click  # noqa: E402
from typer.main import get_command  # noqa: E402

from app.metrics import NODE  # noqa: E402
from app.routes.table import OPERATIONS, Operation  # noqa: E402
from app.settings import Settings as NodeSettings  # noqa: E402
from cli.main import app  # noqa: E402
from registry.settings import Settings as SharedSettings  # noqa: E402
from telemetry.catalogue import Family  # noqa: E402
from workers.metrics import catalogue_of  # noqa: E402
from workers.tally import Tally  # noqa: E402

CLI = """# The command line

<!-- Made by docs/generate.py from the code: do not edit. -->

`roomlog` is in the virtual environment: `.venv/bin/roomlog` after `make run`. It finds the servers as a node does: by
the same settings, or in the data folder, where it joins the servers of a running `make run` (or starts what it needs of
them, for as long as it needs it; `status` and `check` start none). It talks to the servers themselves, no node has to
run. So whoever may run it holds their passwords, and sees what the console withholds from admins: direct messages and
groups, too.

- **For people**: tables that fit the terminal, in colours unless `NO_COLOR` is set. A pipe gets the same without
  colours, and nothing cut off.
- **For programs**: `--json`, in the shapes of the admin API ([contract](contract.md), section 9), one document a line.
  `check --json` is `{{"ok", "findings": [{{"level", "about", "what", "cure"}}]}}`. Remarks and errors are on standard
  error.
- **Exit codes**: 0 it is done; 1 it failed, and one line says why; 2 a setting or an argument is bad. `status` ends
  with 1 when a server is away or has no tables, `check` with 1 when something must be mended (warnings are 0),
  `tasks stop` with 1 when the task did not end by it. Ctrl-C ends `tail` with 0. Nodes and workers: 0 when they were
  told to stop.
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


SETTINGS = """# Settings

<!-- Made by docs/generate.py from the code: do not edit. -->

Environment variables, read once at the start of a process. A bad value stops the start with the setting's name, the
value (secrets masked), and what is accepted; `roomlog check` looks without starting. Each may be a file of that name in
`/run/secrets`, or in the folder that `SECRETS_DIR` names. The old names of Open WebUI keep working.

## Nodes and workers

{shared}

## Nodes only

{node}
"""

ROUTES = """# Routes

<!-- Made by docs/generate.py from the code: do not edit. -->

Bearer token and JSON, where not said otherwise; errors are `{{detail, code, retryable}}`. `/openapi.json` of any node
has the bodies' schemas, and [the protocol](contract.md) their meaning. A body marked with * may also be a list.

{routes}
"""


def settings() -> str:
    """docs/settings.md."""
    shared, node = SharedSettings.model_fields, NodeSettings.model_fields
    return SETTINGS.format(shared=_settings(shared), node=_settings({k: v for k, v in node.items() if k not in shared}))


def _settings(fields: Mapping[str, FieldInfo]) -> str:
    rows = [(f"`{name.upper()}`", _default(one), _accepted(one), one.description or "") for name, one in fields.items()]
    return table(("name", "default", "accepted", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value in (None, "", PydanticUndefined):
        return "unset"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _accepted(field: FieldInfo) -> str:
    """The type, and the bounds that its validator has."""
    kinds = get_args(field.annotation) if get_origin(field.annotation) in (UnionType, Union) else (field.annotation,)
    named = [_kind(kind) for kind in kinds if kind is not type(None)]
    return ", ".join([*named, *(f"{_SIGNS[name]} {value}" for name, value in _bounds(field))])


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{one}`" if one else "empty" for one in get_args(kind))
    return _KINDS.get(kind, "text")


def _bounds(field: FieldInfo) -> Iterable[tuple[str, Any]]:
    return [(name, getattr(one, name)) for one in field.metadata for name in _SIGNS if hasattr(one, name)]


_KINDS = {int: "whole number", float: "number", bool: "`true` or `false`", Path: "folder"}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "pattern": "like"}


def routes() -> str:
    """docs/routes.md."""
    rows = [
        (one.method, f"`{one.path}`", _body(one), _names(one), "no" if one.open else "yes", _answers(one))
        for one in sorted(OPERATIONS, key=lambda one: (one.path, one.method))
    ]
    return ROUTES.format(routes=table(("", "path", "body", "query, headers", "token", "refusals"), rows))


def _body(one: Operation) -> str:
    return f"{one.body.__name__}{'*' if one.several else ''}" if one.body is not None else ""


def _names(one: Operation) -> str:
    return ", ".join(f"`{name}`" for name in (*one.query, *one.headers))


def _answers(one: Operation) -> str:
    return "; ".join(f"{status}: {meaning}" for status, meaning in one.answers)


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


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli,
    "metrics.md": metrics,
    "routes.md": routes,
    "settings.md": settings,
}
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
