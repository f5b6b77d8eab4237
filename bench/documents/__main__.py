"""`python -m bench.documents`: documents with a long history, beside the peers. `make bench-documents` is this."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.documents.open_webui import open_webui
from bench.documents.report import Report
from bench.documents.roomlog import roomlog
from bench.documents.steps import LIVE, MISSED, UPDATES, Figure
from bench.documents.trace import Trace, make_trace
from bench.documents.yjs import HOCUSPOCUS, Y_WEBSOCKET
from bench.program import Program
from bench.remote import ROOT
from bench.report.machine import machine, versions
from bench.servers import Postgres, postgres, valkey
from bench.targets.base import Place

Measure = Callable[[Place, Program, Trace], Awaitable[list[Figure]]]

TARGETS: dict[str, Measure] = {
    "Roomlog": roomlog,
    "Hocuspocus": HOCUSPOCUS,
    "y-websocket": Y_WEBSOCKET,
    "Open WebUI's way": open_webui,
}
LIMIT_S = 300.0
"""Of one target; on a quiet machine each takes less than 30 s."""


def main() -> int:
    """Returns the exit code: 1 when some target gave no figures."""
    parser = argparse.ArgumentParser(prog="bench.documents", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".bench", help="folder of documents.json and documents.md")
    parser.add_argument(
        "--updates", type=int, default=UPDATES, help="length of the history; tables speak of the default"
    )
    options = parser.parse_args()
    report = measure(options.updates)
    report.write(options.out)
    print(report.page())
    print(f"written to {options.out}")
    return 1 if report.faults else 0


def measure(updates: int) -> Report:
    """All targets, one after the other."""
    began, started = datetime.now(UTC), time.monotonic()
    figures: list[Figure] = []
    faults: dict[str, str] = {}
    with postgres() as server, tempfile.TemporaryDirectory(prefix="roomlog-bench-") as folder:
        trace = make_trace(Path(folder) / "trace", updates, MISSED, LIVE)
        for name, target in TARGETS.items():
            print(f"· {name}", file=sys.stderr, flush=True)
            try:
                figures += asyncio.run(_one(target, server, trace))
            except Exception as fault:  # noqa: BLE001  # it is kept and shown; one target's fault must not lose the others
                faults[name] = f"{type(fault).__name__}: {fault}"
        found = versions(server)
    about = {"when": began.strftime("%Y-%m-%d %H:%M UTC"), "seconds": time.monotonic() - started, "updates": updates}
    return Report({**about, "machine": machine(), "versions": found}, figures, faults)


async def _one(target: Measure, server: Postgres, trace: Trace) -> list[Figure]:
    """A target on a fresh Valkey."""
    with tempfile.TemporaryDirectory(prefix="roomlog-bench-") as name:
        redis = valkey(Path(name))
        try:
            await redis.start()
            await redis.until_listening()
            async with asyncio.timeout(LIMIT_S):
                return await target(Place(Path(name), redis.port, server), redis, trace)
        finally:
            await redis.stop()


if __name__ == "__main__":
    sys.exit(main())
