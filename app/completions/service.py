"""Completions: an answer is asked of a provider and written into its message by a task of this node."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any

from app import metrics
from app.completions.background import Background
from app.completions.gathered import gathered
from app.completions.pieces import ProviderError
from app.completions.recap import Recap
from app.completions.request import CompletionRequest
from app.completions.run import Run
from app.completions.turn import Turn
from app.completions.upstream import Upstream
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


class Completions:
    """Starts completions as tasks of this node."""

    def __init__(self, settings: Settings, emitter: Emitter, tasks: Tasks, recap: Recap) -> None:
        self._emitter = emitter
        self._recap = recap
        self._tasks = tasks
        self._background = Background(settings, emitter)
        self._limit = settings.completion_tasks
        self._running = 0

    async def start(
        self, owner: str, chat_id: str, message_id: str, turn: Turn, upstream: Upstream, asker: str = ""
    ) -> str:
        """Begin a run of the message; returns its task's id when the log has the beginning.

        asker: the session that asks, if it is connected.

        Whatever happens to this process from then on, the message will be closed. Raises TooBusy, LogUnavailable and
        the other errors of `Appender.append`; nothing runs then.
        """
        if self._running >= self._limit:
            raise TooBusy(f"this node streams {self._running} completions already")
        run = Run(self._emitter, Remains(owner, chat_id, message_id, uuid.uuid4().hex))
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        work = self._work(run, turn, asker, upstream, begun)
        task_id = await self._tasks.create_task(work, run.remains.item, user_id=owner, remains=run.remains)
        await begun
        return task_id

    async def _work(self, run: Run, turn: Turn, asker: str, upstream: Upstream, begun: asyncio.Future[None]) -> None:
        """The task. Raises Unclosed when the message could not be closed; a worker closes it then."""
        self._running += 1
        request, outcome = turn.request, "failed"
        try:
            if await self._began(run, turn, asker, begun):
                outcome = await self._stream(run, request, upstream)
            if outcome == "done":
                await self._background.think(upstream, run, request)
        except asyncio.CancelledError:
            outcome = "done" if outcome == "done" else "cancelled"
            raise
        finally:
            self._running -= 1
            metrics.COMPLETIONS.labels(outcome).inc()

    async def _began(self, run: Run, turn: Turn, asker: str, begun: asyncio.Future[None]) -> bool:
        try:
            await run.begin(turn, asker)
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

    async def _stream(self, run: Run, request: CompletionRequest, upstream: Upstream) -> str:
        """Write the answer until it ends, and close its message; returns how, in a word for the metrics.

        A stop may come at any moment of it, also while a failure is being told.
        """
        try:
            return await self._end(run, request, upstream)
        except asyncio.CancelledError:
            await self._close_cancelled(run)
            raise

    async def _end(self, run: Run, request: CompletionRequest, upstream: Upstream) -> str:
        try:
            failure = await self._write(run, request, upstream)
            await self._recap.tell(run)
            if not failure:
                await run.done(self._background.closing(request, run.text))
                return "done"
        except Fenced:
            log.info("a run of message %s ended: a newer one began", run.remains.message_id)
            return "replaced"
        except LogError as fault:
            await self._close(run, run.failed(f"The answer could not be kept: {fault}."))
            return "log_error"
        await self._close(run, run.failed(failure))
        return "provider_error"

    async def _write(self, run: Run, request: CompletionRequest, upstream: Upstream) -> str:
        """Write what the provider says; returns why it failed, "" when it did not."""
        try:
            async with (
                aclosing(upstream.answer(request.for_provider())) as answer,
                aclosing(gathered(answer, WINDOW_S, PIECES)) as batches,
            ):
                async for pieces in batches:
                    await run.add(pieces)
        except ProviderError as fault:
            log.info("a completion failed: %s", fault)
            return str(fault)
        return ""

    async def _close(self, run: Run, closing: Coroutine[Any, Any, None]) -> None:
        """Have the run's message closed. Raises Unclosed when the log does not take it."""
        try:
            await closing
        except Fenced:
            log.info("a run of message %s was closed by somebody else", run.remains.message_id)
        except LogError as fault:
            raise Unclosed(f"its message is left to the workers to close: {fault}") from fault

    async def _close_cancelled(self, run: Run) -> None:
        interrupted = self._tasks.is_interrupted()
        if not interrupted:  # a node that stops has no time for it
            await self._recap.tell(run)
        await self._close(run, run.cancelled(interrupted))
