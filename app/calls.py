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
from dataclasses import dataclass
from typing import Any

import orjson

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

FOLLOW_S = 60.0
"""How long the user's next session is waited for."""

SAME_TAB_S = 5.0
"""How long a session that dropped is waited for before a tab that was open all the time is asked instead."""

DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long answers are waited for, in seconds: default_s by default, of a person as long as the caller asks for,
    within shortest_s and longest_s.
    """

    default_s: float = DEFAULT_TIMEOUT_S
    shortest_s: float = 60.0
    longest_s: float = 240.0


INPUT_TYPES = frozenset({"confirmation", "input", "request:elicitation", "request:user_input"})
"""Calls that a person answers: `timeout_ms` in their data counts, within bounds."""

STAYING_TYPES = frozenset({"request:chat:completion"})
"""Calls that make sense to the asked session only: its id is in what it has to send back."""

DONE = "request:interaction:done"

GONE = {"error": "Client session disconnected."}
SILENT = {"error": "The client did not answer in time."}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom. sid: the asking user's own session. wait_s: how long, if not as the settings say.

    once: asked on one connection only; when that is lost without an answer, the answer is `GONE`.
    """

    user_id: str
    sid: str
    chat_id: str | None
    message_id: str | None
    kind: str
    data: Any
    wait_s: float | None = None
    once: bool = False

    def timeout_s(self, patience: Patience) -> float:
        """How long the answer is waited for."""
        if self.wait_s is not None:
            return self.wait_s
        asked_ms = self.data.get("timeout_ms") if isinstance(self.data, dict) else None
        if self.kind in INPUT_TYPES and isinstance(asked_ms, int | float):
            return min(max(asked_ms / 1000, patience.shortest_s), patience.longest_s)
        return patience.default_s

    def withdrawal(self, number: int) -> Signal:
        """What takes the question off all of the user's pages."""
        return Signal(f"user:{self.user_id}", "events", self.body(DONE, {"interaction_id": str(number)}))

    def asking(self, sid: str, number: int) -> bytes:
        """The question as a session is asked it. Data that names the session that was meant first name this one: pages
        answer `execute:python` and the like only to their own socket's id."""
        data = self.data
        if isinstance(data, dict):
            named = {"session_id": sid} if data.get("session_id") == self.sid else {}
            data = data | named | {"interaction_id": str(number)}
        return self.body(self.kind, data)

    def body(self, kind: str, data: Any) -> bytes:
        """An `events` envelope for this chat and message."""
        return orjson.dumps(
            {"chat_id": self.chat_id, "message_id": self.message_id, "data": {"type": kind, "data": data}}
        )


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

        Returns `{error}` when the session is not the user's own, is gone and no other came within a minute, or is
        silent past the timeout. When it returns or is cancelled the question is withdrawn on all of the user's pages
        (`request:interaction:done`), and the record is gone, at the latest after `CALL_TTL_S`. Raises LogUnavailable
        when the session cannot be looked up.
        """
        session = await self._pool.find(question.sid)
        if session is None or session.user_id != question.user_id:
            return GONE
        opened_ms = await self._pool.now_ms()
        number = FIRST_NUMBER + secrets.randbelow(LAST_NUMBER - FIRST_NUMBER)
        woken = self._waiting[number] = asyncio.Event()
        asking = _Asking(self._records, self._pool, self._bus, question, number, session, opened_ms, woken)
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
        question: Question,
        number: int,
        session: Pooled,
        opened_ms: int,
        woken: asyncio.Event,
    ) -> None:
        self._records = records
        self._pool = pool
        self._bus = bus
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
            if self._lost_at is not None and _now() - self._lost_at > FOLLOW_S:
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
        return newest if newest.since_ms > self._opened_ms or waited_s > SAME_TAB_S else None


def _now() -> float:
    return asyncio.get_running_loop().time()
