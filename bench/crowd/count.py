"""What a crowd's clients received, all together."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


@dataclass(slots=True)
class Count:
    """What a crowd's clients have received since the last reset. bytes: of frames with events, as they came.
    spread_ns: a sample of every delivery's latency."""

    deliveries: int = 0
    frames: int = 0
    bytes: int = 0
    resets: int = 0
    errors: int = 0
    answers: int = 0
    refusals: int = 0
    spread_ns: array[int] = field(default_factory=lambda: array("q"))
