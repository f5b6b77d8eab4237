"""How long a supervisor must let a node go away before it kills it."""

from __future__ import annotations

import re

from app.drain import CLOSING_S
from cli.serve import STOP_S

LAST_S = 5.0
"""For what comes behind the last request: sessions marked as away, links closed."""

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def needed_s(drain_seconds: float) -> float:
    """From SIGTERM to the exit, at most: what docs/draining.md promises."""
    return drain_seconds + CLOSING_S + STOP_S + LAST_S


def duration_s(said: str) -> float:
    """Of a duration as Compose (Go's ParseDuration) reads it: numbers with units, which are added up."""
    assert re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s))+", said), said
    return sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|m|s)", said))


def interpolated(said: str, given: dict[str, str]) -> str:
    """As Compose fills in `${NAME:-default}`."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: given.get(found[1]) or found[2], said)
