"""What workers report of themselves, as others read it. workers/tally.py writes it."""

from __future__ import annotations

import json
import time

from streams.keys import Keys
from streams.link import Client, retrying

ALIVE_S = 10.0
"""A worker reports every second; one that has not for this long is taken for dead. Clocks may differ by as much."""


async def living_workers(keys: Keys, client: Client, deadline_s: float) -> int:
    """How many workers reported lately. Raises LogUnavailable."""
    reports = await retrying(lambda: client.hvals(keys.workers), deadline_s)
    return sum(time.time() - json.loads(report)["time"] < ALIVE_S for report in reports)
