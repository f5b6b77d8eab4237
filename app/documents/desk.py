"""What one session has open, and how much it may still do."""

from __future__ import annotations

from dataclasses import dataclass

from app.documents.access import Granted
from app.documents.buckets import Bucket
from app.documents.limits import STATE_BYTES_S, DocumentLimits
from app.documents.refusals import Refusal
from streams.documents import Content

PROBE_S = 10.0
"""A stock page is asked for its whole state at most so often: it is as large as the document."""

ANSWERS = 2
"""Whole states that one such question may bring, within PROBE_S."""


RENDER_S = 0.5
"""Renderings of a whole note come with every keystroke: of one session and document one in so long is kept."""


@dataclass(slots=True)
class Editing:
    """A document that a session has joined by this connection.

    version: of the protocol that it speaks. epoch: of the history that it has. granted: what its user may do.
    compared: False until the first update after a join was compared with the log: it may be all that the client has.
    probed_at: when it was asked for its whole state, loop time. answers: how many of those it may still send.
    healing: it will be asked again. rendering: the newest one that waits to be kept.
    rendered_at: when the last one was kept, loop time.
    """

    note_id: str
    version: int
    epoch: str
    granted: Granted
    compared: bool = False
    probed_at: float = -PROBE_S
    answers: int = 0
    healing: bool = False
    rendering: Content | None = None
    rendered_at: float = -RENDER_S

    @property
    def document_id(self) -> str:
        return f"note:{self.note_id}"

    @property
    def room(self) -> str:
        return f"doc_note:{self.note_id}"

    def may_send_whole(self, now: float) -> bool:
        """Whether a whole state is awaited from it."""
        return self.answers > 0 and now - self.probed_at < PROBE_S


class Desk:
    """Of one session. open: by room. Rooms that it was taken out of are still here: `feed.rooms` decides.

    awaited: rooms that a stock page asked to join, and will be let into as soon as it can be.
    """

    def __init__(self, limits: DocumentLimits, now: float) -> None:
        self._limits = limits
        self.open: dict[str, Editing] = {}
        self.awaited: set[str] = set()
        self._updates = Bucket(limits.updates_s, 2 * limits.updates_s, now)
        self._bytes = Bucket(limits.update_bytes_s, max(limits.update.bytes, limits.update_bytes_s), now)
        self._awareness = Bucket(limits.awareness_s, 2 * limits.awareness_s, now)
        self._wholes = Bucket(STATE_BYTES_S, 2 * limits.hard_bytes, now)
        self._states = Bucket(STATE_BYTES_S, 2 * limits.hard_bytes, now)

    def spend_update(self, size: int, now: float, awaited: bool) -> None:
        """Count an update. awaited: the server asked for it. Raises Refusal."""
        self._spend(self._updates, 1, now, f"{self._limits.updates_s:g} updates a second")
        if awaited:
            self._spend(self._wholes, size, now, f"{STATE_BYTES_S} bytes of whole states a second")
        else:
            self._spend(self._bytes, size, now, f"{self._limits.update_bytes_s:g} bytes of updates a second")

    def spend_awareness(self, now: float) -> None:
        """Count an awareness update. Raises Refusal."""
        self._spend(self._awareness, 1, now, f"{self._limits.awareness_s:g} awareness updates a second")

    def spend_state(self, size: int, now: float) -> None:
        """Count a state that the session asked for. Raises Refusal."""
        self._spend(self._states, size, now, f"{STATE_BYTES_S} bytes of states a second")

    def _spend(self, bucket: Bucket, amount: float, now: float, limit: str) -> None:
        wait_s = bucket.take(amount, now)
        if wait_s:
            raise Refusal("rate", f"a socket may send or ask for {limit}", limit=limit, retry_after_s=wait_s)
