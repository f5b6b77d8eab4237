"""The suite: which cases there are, and which targets each has. Others are rated by the first."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cases.base import Case
from bench.cases.fanout import Fanout
from bench.cases.streaming import Streaming
from bench.targets.peers import FLOOR, OWUI, PYSIO, node
from bench.targets.roomlog import Roomlog

US = Roomlog()
NO_WORKER = Roomlog("Roomlog, no worker", worker=False)
NO_PAUSE = Roomlog("Roomlog, no pause", settings={"TAIL_PAUSE_MS": "0"})
IOREDIS, REDIS = node("ioredis"), node("redis")


def suite(quick: bool) -> Sequence[Case]:
    """All cases, or those of the quick plan with fewer peers."""
    if quick:
        return (Fanout((US, OWUI, IOREDIS, FLOOR)), Streaming((US, OWUI, IOREDIS, FLOOR)))
    return (
        Fanout((US, PYSIO, OWUI, IOREDIS, REDIS, FLOOR)),
        Streaming((US, NO_WORKER, NO_PAUSE, PYSIO, OWUI, IOREDIS, REDIS, FLOOR)),
    )
