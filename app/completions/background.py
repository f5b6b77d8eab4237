"""What goes on behind an answer: its afterthoughts, one after another, within the answer's task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from app import metrics
from app.completions.afterthoughts import ANSWER_CHARS, Afterthought, Unreadable, read
from app.completions.pieces import ProviderError, Text
from app.completions.upstream import Upstream
from app.emitter import Emitter, Target
from streams.errors import LogError

log = logging.getLogger("roomlog.completions")


class Background:
    """limit_s: how long one afterthought may take. Stopped by cancelling, as the answer is."""

    def __init__(self, emitter: Emitter, limit_s: float) -> None:
        self._emitter = emitter
        self._limit_s = limit_s

    async def think(
        self, upstream: Upstream, target: Target, requests: Sequence[tuple[Afterthought, dict[str, Any]]]
    ) -> None:
        """Have these made, and tell them. One that fails is logged and counted, and changes nothing for the user."""
        for thought, request in requests:
            outcome = await self._outcome(upstream, target, thought, request)
            metrics.AFTERTHOUGHTS.labels(thought.field, outcome).inc()

    async def _outcome(self, upstream: Upstream, target: Target, thought: Afterthought, request: dict[str, Any]) -> str:
        """How it went, in a word for the metrics."""
        try:
            async with asyncio.timeout(self._limit_s):
                found = read(thought, await _answer(upstream, request))
            await self._emitter.emit(target, thought.event, thought.told(found))
        except TimeoutError:
            return self._failed(thought, target, "timeout", f"it took more than {self._limit_s:g} s")
        except ProviderError as fault:
            return self._failed(thought, target, "provider_error", fault)
        except Unreadable as fault:
            return self._failed(thought, target, "unreadable", fault)
        except LogError as fault:
            return self._failed(thought, target, "log_error", fault)
        return "done"

    def _failed(self, thought: Afterthought, target: Target, outcome: str, why: object) -> str:
        log.warning("no %s for message %s: %s", thought.field, target.message_id, why)
        return outcome


async def _answer(upstream: Upstream, request: dict[str, Any]) -> str:
    """The beginning of the provider's answer. Raises ProviderError."""
    parts: list[str] = []
    size = 0
    async with aclosing(upstream.answer(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Text):
                parts.append(piece.text)
                size += len(piece.text)
            if size > ANSWER_CHARS:
                break
    return "".join(parts)[:ANSWER_CHARS]
