"""Event calls, the asked node's half: handing questions to its sessions, and storing what they answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from app.calls import ANSWERED, FIRST_NUMBER
from app.session import Session
from app.sessions import NodeSessions
from registry.calls import CallRecords
from streams.bus import Bus, Signal
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.calls")

UNREADABLE = {"error": "The client gave an answer that is not JSON."}


class Asked:
    """Keeps nothing of a call: an answer names it by its number, whichever connection brings it."""

    def __init__(self, sessions: NodeSessions, records: CallRecords, spawn: Callable[[Any], Any]) -> None:
        self._sessions = sessions
        self._records = records
        self._spawn = spawn
        self.bus: Bus | None = None

    def ask(self, signal: Signal) -> None:
        """Hand a question to the session that it is for, if that is here; once, however often it is sent."""
        number, sid = signal.skip.split(" ", 1)
        session = self._sessions.by_sid.get(sid)
        if session is not None and session.connection == signal.event and session.ask(int(number), signal.data):
            self._spawn(self._confirm(session, int(number)))

    async def _confirm(self, session: Session, number: int) -> None:
        try:
            await self._records.note_asked(number, session.user_id, session.connection)
        except LogUnavailable as fault:
            log.warning("the caller of %d will ask again, to no effect: %s", number, fault)

    async def answer(self, sid: str, number: int, arguments: Sequence[Any]) -> bool:
        """A client acknowledged something. False when that was no event call.

        Answers that come too late, twice, or from another user's session are ignored.
        """
        if number < FIRST_NUMBER:
            return False
        session = self._sessions.by_sid.get(sid)
        if session is None:
            return True
        answer = _json(arguments[0] if arguments else None)
        assert self.bus is not None
        try:
            if await self._records.note_answer(number, session.user_id, answer):
                await self.bus.publish(Signal(ANSWERED, str(number), b""))
        except LogUnavailable as fault:
            log.error("an answer of session %s is lost: %s", sid, fault)
            session.send("error", orjson.dumps({"message": "the answer was not taken, the server is not ready"}))
        return True


def _json(answer: Any) -> bytes:
    """An answer as the record keeps it; one that JSON cannot have (bytes, endless nesting) is an error at once."""
    try:
        return orjson.dumps(answer)
    except TypeError:
        return orjson.dumps(UNREADABLE)
