"""Actions of admins, each noted with how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.auth import Identity
from app.http import FAULTS, translate
from oversight.audit import Audit


@asynccontextmanager
async def audited(audit: Audit, identity: Identity, action: str, target: str) -> AsyncIterator[None]:
    """Note what is done inside: "done", or the code of the answer that it raises."""
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except FAULTS as fault:
        outcome = str(translate(fault).body["code"])
        raise
    finally:
        await audit.note(identity.user_id, action, target, outcome)
