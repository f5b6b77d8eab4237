"""What goes on behind an answer: its afterthoughts, one after another, within the answer's task."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any

from app import metrics
from app.completions.afterthoughts import (
    ANSWER_CHARS,
    FOLLOW_UPS,
    TAGS,
    TITLE,
    Afterthought,
    Unreadable,
    read,
    request_for,
    wanted,
)
from app.completions.pieces import ProviderError, Text
from app.completions.request import CompletionRequest
from app.completions.run import Run
from app.completions.upstream import Upstream
from app.emitter import Emitter, Target
from app.settings import Settings
from streams.append import Step
from streams.errors import Fenced, LogError

log = logging.getLogger("roomlog.completions")


def enabled(settings: Settings) -> frozenset[Afterthought]:
    """The afterthoughts that the settings allow."""
    switches = {
        TITLE: settings.enable_title_generation,
        TAGS: settings.enable_tags_generation,
        FOLLOW_UPS: settings.enable_follow_up_generation,
    }
    return frozenset(thought for thought, on in switches.items() if on)


class Background:
    """Makes them, one at a time, and none for longer than the settings allow. Stopped by cancelling, as the answer."""

    def __init__(self, settings: Settings, emitter: Emitter) -> None:
        self._emitter = emitter
        self._enabled = enabled(settings)
        self._model = settings.afterthought_model
        self._limit_s = settings.afterthought_s

    def closing(self, request: CompletionRequest, answer: str) -> Step:
        """How the run of an answer is to be closed: with the fence passed on, if its message will be told more."""
        return Step.PASS if FOLLOW_UPS in self._thoughts(request, answer) else Step.END

    async def think(self, upstream: Upstream, run: Run, request: CompletionRequest) -> None:
        """Have made what the request asks for, and tell it. What fails is logged and counted, and changes nothing for
        the user. What is of the message, and not of the chat, is not told when another run of it began."""
        model = self._model if self._model and request.direct_model is None else request.model
        for thought in self._thoughts(request, run.text):
            asked = request_for(thought, model, request.messages, run.text)
            outcome = await self._outcome(upstream, run, thought, asked)
            metrics.AFTERTHOUGHTS.labels(thought.field, outcome).inc()

    def _thoughts(self, request: CompletionRequest, answer: str) -> list[Afterthought]:
        return [one for one in wanted(request.background_tasks) if answer and one in self._enabled]

    async def _outcome(self, upstream: Upstream, run: Run, thought: Afterthought, request: dict[str, Any]) -> str:
        """How it went, in a word for the metrics."""
        target = run.target
        try:
            async with asyncio.timeout(self._limit_s):
                found = read(thought, await _answer(upstream, request))
            fence = run.epilogue if thought is FOLLOW_UPS else None
            await self._emitter.emit(target, thought.event, thought.told(found), fence=fence)
        except TimeoutError:
            return self._failed(thought, target, "timeout", f"it took more than {self._limit_s:g} s")
        except ProviderError as fault:
            return self._failed(thought, target, "provider_error", fault)
        except Unreadable as fault:
            return self._failed(thought, target, "unreadable", fault)
        except Fenced:
            log.info("the %s of message %s are of a run that was replaced", thought.field, target.message_id)
            return "replaced"
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
