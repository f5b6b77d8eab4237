"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

from oversight.advice import Advice, Level


@dataclass(frozen=True, slots=True)
class Finding:
    """about: a setting's name or a part. what: one sentence. cure: how to mend it; "" for what is well."""

    level: Level
    about: str
    what: str
    cure: str = ""


def finding_of(advice: Advice, about: str) -> Finding:
    """What the overview would say, too."""
    return Finding(advice.level, about, advice.what, advice.cure)
