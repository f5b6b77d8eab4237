"""A worker beside a node that was started alone, so that `uvicorn app.main:app` is a whole Roomlog on a laptop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from embedded.children import Child, Program


@asynccontextmanager
async def worker_beside() -> AsyncIterator[None]:
    """A `python -m workers` child: started again when it ends, stopped with us, dead when we die."""
    child = Child(Program("worker", (sys.executable, "-m", "workers")), width=6)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(child.run())
        try:
            yield
        finally:
            await child.stop()
            running.cancel()
