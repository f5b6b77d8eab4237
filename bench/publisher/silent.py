"""Emitting to nobody: what the publisher itself costs, with a task for every event, and no emitter behind it.

Taken from what a publisher's process used, it leaves what emitting costs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from app.producer import EmitEvent
from bench.publisher.roomlog import RoomlogWay


class Silent:
    """In the place of a Producer."""

    async def get_event_emitter(self, _request_info: Mapping[str, Any]) -> EmitEvent:
        """An emitter that does nothing."""
        return _emit


async def _emit(_event: Mapping[str, Any]) -> str | None:
    return None


@asynccontextmanager
async def silent() -> AsyncIterator[RoomlogWay]:
    """The way to nobody."""
    yield RoomlogWay(Silent())
