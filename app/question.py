"""A question of an event call, and how long its answer is waited for. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from streams.bus import Signal

DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long answers are waited for, in seconds: default_s by default, of a person as long as the caller asks for,
    within shortest_s and longest_s.

    follow_s: for how long the user's next session is waited for, when the asked one dropped. same_tab_s: for how long
    that one is, before a tab that was open all the time is asked instead.
    """

    default_s: float = DEFAULT_TIMEOUT_S
    shortest_s: float = 60.0
    longest_s: float = 240.0
    follow_s: float = 60.0
    same_tab_s: float = 5.0


INPUT_TYPES = frozenset({"confirmation", "input", "request:elicitation", "request:user_input"})
"""Calls that a person answers: `timeout_ms` in their data counts, within bounds."""

STAYING_TYPES = frozenset({"request:chat:completion"})
"""Calls that make sense to the asked session only: its id is in what it has to send back."""

DONE = "request:interaction:done"


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
