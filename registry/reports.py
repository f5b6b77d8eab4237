"""Reports that processes of other versions may have written: what is known here of them is taken, the rest is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


def known_fields(kind: type[Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass that a report has."""
    return {field.name: report[field.name] for field in fields(kind) if field.name in report}
