"""Completions: an answer is asked of a provider and written into its message by a task of this node."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import aclosing
from typing import Any

from app import metrics
from app.completions.afterthoughts import FOLLOW_UPS, TAGS, TITLE, Afterthought, request_for, wanted
from app.completions.background import Background
from app.completions.browser import Browser
from app.completions.echo import Echo
from app.completions.gathered import gathered
from app.completions.pieces import ProviderError
from app.completions.request import CompletionRequest
from app.completions.run import Run
from app.completions.upstream import OpenAi, Upstream
from app.direct import Direct, Page
from app.emitter import Emitter
from app.settings import Settings
from app.tasks import Tasks, Unclosed
from registry.tasks import Remains
from streams.errors import Fenced, LogError

log = logging.getLogger("roomlog.completions")

WINDOW_S = 0.005
"""What the provider sends within this of the first piece shares its append."""

PIECES = 500
"""Pieces of one append at most."""


class TooBusy(Exception):
    """This node streams as many completions as it may. Try again later, or another node."""


def upstream_of(settings: Settings) -> Upstream:
    """The provider that the settings name."""
    if settings.openai_api_base_url is None:
        return Echo(settings.echo_words_s)
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    idle_s, connect_s = settings.completion_idle_s, settings.completion_connect_s
    return OpenAi(settings.openai_api_base_url, key, idle_s, connect_s, settings.completion_tasks)


def enabled(settings: Settings) -> frozenset[Afterthought]:
    """The afterthoughts that the settings allow."""
    switches = {
        TITLE: settings.enable_title_generation,
        TAGS: settings.enable_tags_generation,
        FOLLOW_UPS: settings.enable_follow_up_generation,
    }
    return frozenset(thought for thought, on in switches.items() if on)


class Completions:
    """Starts completions as tasks of this node."""

    def __init__(self, settings: Settings, emitter: Emitter, tasks: Tasks, direct: Direct) -> None:
        self._upstream = upstream_of(settings)
        self._emitter = emitter
        self._tasks = tasks
        self._direct = direct
        self._background = Background(emitter, settings.afterthought_s)
        self._enabled = enabled(settings)
        self._afterthought_model = settings.afterthought_model
        self._limit = settings.completion_tasks
        self._running = 0

    def upstream_for(self, asker: str, request: CompletionRequest) -> Upstream:
        """Where a request's answer comes from: this node's provider, or the asking user's own browser."""
        if not request.is_direct:
            return self._upstream
        assert request.session_id is not None, "a request for a browser names it"
        assert request.model_item is not None
        return Browser(self._direct, Page(asker, request.session_id, request.chat_id, request.id), request.model_item)

    async def start(
        self, owner: str, chat_id: str, message_id: str, request: CompletionRequest, upstream: Upstream
    ) -> str:
        """Begin a run of the message; returns its task's id when the log has the beginning.

        Whatever happens to this process from then on, the message will be closed. Raises TooBusy, LogUnavailable and
        the other errors of `Appender.append`; nothing runs then.
        """
        if self._running >= self._limit:
            raise TooBusy(f"this node streams {self._running} completions already")
        run = Run(self._emitter, Remains(owner, chat_id, message_id, uuid.uuid4().hex))
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        work = self._work(run, request, upstream, begun)
        task_id = await self._tasks.create_task(work, chat_id, user_id=owner, remains=run.remains)
        await begun
        return task_id

    async def _work(
        self, run: Run, request: CompletionRequest, upstream: Upstream, begun: asyncio.Future[None]
    ) -> None:
        """The task. Raises Unclosed when the message could not be closed; a worker closes it then."""
        self._running += 1
        outcome = "failed"
        try:
            if await self._began(run, request, begun):
                outcome = await self._stream(run, request, upstream)
            if outcome == "done":
                await self._background.think(upstream, run.target, self._afterthoughts(run, request))
        except asyncio.CancelledError:
            outcome = "done" if outcome == "done" else "cancelled"
            raise
        finally:
            self._running -= 1
            metrics.COMPLETIONS.labels(outcome).inc()

    async def _began(self, run: Run, request: CompletionRequest, begun: asyncio.Future[None]) -> bool:
        try:
            await run.begin(request)
        except LogError as fault:
            if not begun.done():
                begun.set_exception(fault)
            return False
        except asyncio.CancelledError:
            begun.cancel()
            await self._close_cancelled(run)
            raise
        if not begun.done():
            begun.set_result(None)
        return True

    def _afterthoughts(self, run: Run, request: CompletionRequest) -> list[tuple[Afterthought, dict[str, Any]]]:
        """What is to be made of the answer besides, with the requests for it. A browser knows its own model only."""
        if not run.text:
            return []
        model = request.model if request.is_direct else self._afterthought_model or request.model
        thoughts = [thought for thought in wanted(request.background_tasks) if thought in self._enabled]
        return [(thought, request_for(thought, model, request.messages, run.text)) for thought in thoughts]

    async def _stream(self, run: Run, request: CompletionRequest, upstream: Upstream) -> str:
        """Write the answer until it ends; returns how, in a word for the metrics."""
        try:
            async with (
                aclosing(upstream.answer(request.for_provider())) as answer,
                aclosing(gathered(answer, WINDOW_S, PIECES)) as batches,
            ):
                async for pieces in batches:
                    await run.add(pieces)
            await run.done()
        except asyncio.CancelledError:
            await self._close_cancelled(run)
            raise
        except ProviderError as fault:
            log.info("a completion failed: %s", fault)
            await self._close_failed(run, str(fault))
            return "provider_error"
        except Fenced:
            log.info("a run of message %s ended: a newer one began", run.remains.message_id)
            return "replaced"
        except LogError as fault:
            await self._close_failed(run, f"The answer could not be kept: {fault}.")
            return "log_error"
        return "done"

    async def _close_failed(self, run: Run, reason: str) -> None:
        try:
            await run.failed(reason)
        except Fenced:
            log.info("a run of message %s was closed by somebody else", run.remains.message_id)
        except LogError as fault:
            raise Unclosed(f"its message is left to the workers to close: {fault}") from fault

    async def _close_cancelled(self, run: Run) -> None:
        try:
            await run.cancelled(interrupted=self._tasks.is_interrupted())
        except Fenced:
            log.info("a run of message %s was closed by somebody else", run.remains.message_id)
        except LogError as fault:
            raise Unclosed(f"its message is left to the workers to close: {fault}") from fault

    async def aclose(self) -> None:
        """Close the connections to the provider. May be called twice."""
        await self._upstream.aclose()
