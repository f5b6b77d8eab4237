"""Getting back what only a stock page has: its whole state.

Open WebUI's page never sends by itself what was typed while it had no link, or what was refused. But it takes an empty
`ydoc:document:state` as a question: a page whose editor is not empty answers with all that it has.
"""

from __future__ import annotations

import asyncio

import orjson

from app import metrics
from app.documents.desk import ANSWERS, PROBE_S, Editing
from app.packets import PLACEHOLDER
from app.session import Session
from archive.yjs.merging import NOTHING

STATE = "ydoc:document:state"
_FILLED_BY_ANOTHER = ["", ""]
"""Sessions in the question: a page with an empty editor fills the document if it is the first, or only one, of them."""


class Repair:
    """Questions to pages. What waits for its time is gone with the session."""

    def ask(self, session: Session, editing: Editing) -> None:
        """Ask a page for its whole state: now, or as soon as it may be asked again."""
        now = asyncio.get_running_loop().time()
        wait_s = editing.probed_at + PROBE_S - now
        if wait_s > 0:
            self.ask_later(session, editing, wait_s)
            return
        editing.probed_at, editing.answers, editing.compared = now, ANSWERS, False
        body = {"document_id": editing.document_id, "state": orjson.Fragment(PLACEHOLDER)}
        session.send_whole(STATE, orjson.dumps(body | {"sessions": _FILLED_BY_ANOTHER}), NOTHING)
        metrics.DOCUMENT_PROBES.inc()

    def ask_later(self, session: Session, editing: Editing, after_s: float) -> None:
        """Ask a page again, once, however often this is called meanwhile."""
        if not editing.healing:
            editing.healing = True
            asyncio.get_running_loop().call_later(after_s, self._ask_again, session, editing)

    def _ask_again(self, session: Session, editing: Editing) -> None:
        editing.healing = False
        if not session.socket.closed and editing.room in session.feed.rooms:
            self.ask(session, editing)
