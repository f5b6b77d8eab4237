"""Who did what: every action of an admin, and every one of the command line, is kept for a while and logged."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from streams.entry import Position
from streams.errors import LogUnavailable
from streams.keys import Keys
from streams.link import Client, retrying

log = logging.getLogger("roomlog.audit")

KEPT = 10_000
"""Actions, the newest; about 2 MB. Who must keep all of them keeps the log lines."""

NOTE_S = 2.0

TARGET_CHARS = 512


@dataclass(frozen=True, slots=True)
class Action:
    """id: its place, newer ones are greater. user_id: who; `cli:{name}` for somebody at a command line.

    target: what it was done to. outcome: "done", or the code of what went wrong.
    """

    id: str
    time_ms: int
    user_id: str
    action: str
    target: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ActionPage:
    """actions: the newest first. next: where older ones go on; None when there are none."""

    actions: tuple[Action, ...]
    next: str | None


class Audit:
    """One bounded stream."""

    def __init__(self, keys: Keys, client: Client) -> None:
        self._key = keys.audit
        self._client = client

    async def note(self, user_id: str, action: str, target: str, outcome: str = "done") -> None:
        """Log an action, and keep it; what cannot be kept, because the log is away, is in the log line alone. One
        whose answer was lost may be kept twice."""
        fields = {"user": user_id, "action": action, "target": target[:TARGET_CHARS], "outcome": outcome}
        log.info("%s by %s on %s: %s", action, user_id, fields["target"], outcome, extra=fields)
        try:
            await retrying(lambda: self._client.xadd(self._key, fields, maxlen=KEPT, approximate=True), NOTE_S)
        except LogUnavailable as fault:
            log.error("%s by %s is in this log alone: %s", action, user_id, fault)

    async def page(self, after: str | None = None, limit: int = 100) -> ActionPage:
        """The newest actions, or those older than the one named `after`. Raises LogUnavailable."""
        start = "+" if after is None else f"({after}"
        items = await retrying(lambda: self._client.xrevrange(self._key, max=start, count=limit + 1))
        actions = tuple(_action(item_id.decode(), fields) for item_id, fields in items[:limit])
        return ActionPage(actions, actions[-1].id if len(items) > limit else None)


def _action(item_id: str, fields: dict[bytes, bytes]) -> Action:
    told = {name.decode(): value.decode() for name, value in fields.items()}
    return Action(
        id=item_id,
        time_ms=Position.parse(item_id).ms,
        user_id=told["user"],
        action=told["action"],
        target=told["target"],
        outcome=told["outcome"],
    )
