"""What commands change is noted with who did it."""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cli.place import LogPlace
from oversight.audit import Audit


@asynccontextmanager
async def noted(place: LogPlace, action: str, target: str) -> AsyncIterator[None]:
    """Keep what is done inside for the audit, also when it fails."""
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        await Audit(place.link.keys, place.client).note(who(), action, target, outcome)


def who() -> str:
    """Who acts, as the audit names somebody at a command line."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"cli:{os.getuid()}"
