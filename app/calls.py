"""Event calls, the caller's half: asking a user's page something, on whichever node it is, and getting its answer.

The question travels over Pub/Sub to the node that has the session; that node notes in the call's record that it asked,
and later the answer, which counts if it is the first. The record is the truth: the caller looks at it every second,
sends the question again until somebody noted that it was asked, and follows the user to the next session when this one
is gone. So nothing is lost with a message. A caller that dies leaves a record that expires, and a question that the
workers take off the pages.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any

import orjson

from app import metrics
from app.question import STAYING_TYPES, Patience, Question
from registry.calls import CallRecords, CallState
from registry.pool import Pool, Pooled
from streams.bus import Bus, Signal
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.calls")

ASK = "system:ask"
"""Signals to the node that has a session: event = connection, skip = `number sid`, data = the question."""

ANSWERED = "system:answered"
"""Signals to the node of a caller: event = number."""

FIRST_NUMBER = 2**40
LAST_NUMBER = 2**53
"""Calls are numbered at random in here: no other acknowledgement has such a number, and JavaScript can say them all."""

POLL_S = 1.0
UNCONFIRMED_S = 0.25
"""How soon a question is sent again that no node noted as asked."""

GONE = {"error": "Client session disconnected."}
SILENT = {"error": "The client did not answer in time."}


class Calls:
    """The calls that this process waits for. `answered` must be handed the signals of `ANSWERED`."""

    def __init__(self, records: CallRecords, pool: Pool, bus: Bus, patience: Patience) -> None:
        self._records = records
        self._pool = pool
        self._bus = bus
        self._patience = patience
        self._waiting: dict[int, asyncio.Event] = {}

    async def call(self, question: Question) -> Any:
        """Ask, and return the page's answer: the first argument of its acknowledgement.

        Returns `{error}` when the session is not the user's own, is gone and no other came in time, or is
        silent past the timeout. When it returns or is cancelled the question is withdrawn on all of the user's pages
        (`request:interaction:done`), and the record is gone, at the latest after `CALL_TTL_S`. Raises LogUnavailable
        when the session cannot be looked up.
        """
        try:
            answer = await self._ask(question)
        except BaseException as fault:
            metrics.CALLS.labels("withdrawn" if isinstance(fault, asyncio.CancelledError) else "failed").inc()
            raise
        metrics.CALLS.labels("gone" if answer is GONE else "silent" if answer is SILENT else "answered").inc()
        return answer

    async def _ask(self, question: Question) -> Any:
        session = await self._pool.find(question.sid)
        if session is None or session.user_id != question.user_id:
            return GONE
        opened_ms = await self._pool.now_ms()
        number = FIRST_NUMBER + secrets.randbelow(LAST_NUMBER - FIRST_NUMBER)
        woken = self._waiting[number] = asyncio.Event()
        asking = _Asking(
            self._records, self._pool, self._bus, self._patience, question, number, session, opened_ms, woken
        )
        try:
            async with asyncio.timeout(question.timeout_s(self._patience)):
                return await asking.answer()
        except TimeoutError:
            return SILENT
        finally:
            del self._waiting[number]
            await self._withdraw(question, number)

    def answered(self, signal: Signal) -> None:
        """A node stored an answer: look at once."""
        waiting = self._waiting.get(int(signal.event))
        if waiting is not None:
            waiting.set()

    async def _withdraw(self, question: Question, number: int) -> None:
        withdrawal = question.withdrawal(number)
        try:
            await self._records.close(number, withdrawal)
            await self._bus.publish(withdrawal)
        except LogUnavailable as fault:
            log.warning("call %d is left to the workers to withdraw: %s", number, fault)


class _Asking:
    """One call while it is waited for. opened_ms: when, as the pool tells it. woken: set when an answer was stored."""

    def __init__(
        self,
        records: CallRecords,
        pool: Pool,
        bus: Bus,
        patience: Patience,
        question: Question,
        number: int,
        session: Pooled,
        opened_ms: int,
        woken: asyncio.Event,
    ) -> None:
        self._records = records
        self._pool = pool
        self._bus = bus
        self._patience = patience
        self._question = question
        self._number = number
        self._withdrawal = question.withdrawal(number)
        self._sid = session.sid
        self._woken = woken
        self._opened_ms = opened_ms
        self._lost_at: float | None = None

    async def answer(self) -> Any:
        """Ask, and ask again, until there is an answer, or nobody to ask."""
        while True:
            self._woken.clear()
            try:
                state = await self._records.look(self._number, self._question.user_id, self._withdrawal)
                if state.answer is not None:
                    return orjson.loads(state.answer)
                if self._question.once and state.asked and not await self._is_there(state.asked):
                    return GONE
                pause_s = await self._see_to(state)
            except LogUnavailable as fault:
                log.warning("call %d goes on when the log is back: %s", self._number, fault)
                pause_s = POLL_S
            if self._lost_at is not None and _now() - self._lost_at > self._patience.follow_s:
                return GONE
            try:
                await asyncio.wait_for(self._woken.wait(), pause_s)
            except TimeoutError:
                continue

    async def _is_there(self, connection: str) -> bool:
        session = await self._pool.find(self._sid)
        return session is not None and session.connection == connection

    async def _see_to(self, state: CallState) -> float:
        """Have the right session asked; returns when to look again."""
        session = await self._whom()
        if session is None:
            self._lost_at = self._lost_at if self._lost_at is not None else _now()
            return POLL_S
        self._sid, self._lost_at = session.sid, None
        if session.connection == state.asked:
            return POLL_S
        body = self._question.asking(session.sid, self._number)
        await self._bus.publish(Signal(ASK, session.connection, body, f"{self._number} {session.sid}"))
        return UNCONFIRMED_S

    async def _whom(self) -> Pooled | None:
        """The session to ask: the one that was asked while it is there, else the user's next one."""
        user_id = self._question.user_id
        session = await self._pool.find(self._sid)
        if session is not None and session.user_id == user_id:
            return session
        if self._question.kind in STAYING_TYPES:
            return None
        newest = await self._pool.newest_of(user_id)
        if newest is None:
            return None
        waited_s = _now() - self._lost_at if self._lost_at is not None else 0.0
        return newest if newest.since_ms > self._opened_ms or waited_s > self._patience.same_tab_s else None


def _now() -> float:
    return asyncio.get_running_loop().time()
