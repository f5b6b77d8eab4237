"""Editors of a document for the tests: what Open WebUI's page says and does, and who speaks the second version."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pycrdt import Doc, Text

from tests.contract.clients import Listener
from tests.support.nodes import token

NOTHING = b"\0\0"


class Page(Listener):
    """A page of Open WebUI: it applies what it is sent, sends each edit while it has a link, and answers an empty state
    with all that it has, if it has anything. Its document is one text.

    blob: how it sends bytes; a stock page sends lists of numbers.
    """

    blob: Any = list

    def __init__(self, note_id: str, client_id: int = 0) -> None:
        super().__init__()
        self.note_id = note_id
        self.doc: Doc[Any] = Doc(client_id=client_id) if client_id else Doc()
        self.body = self.doc.get("text", type=Text)
        self.on("ydoc:document:state", self._state)
        self.on("ydoc:document:update", self._update)

    @property
    def document_id(self) -> str:
        return f"note:{self.note_id}"

    @property
    def text(self) -> str:
        return str(self.body)

    async def _state(self, said: Any, *_: Any) -> None:
        self.got.append(("ydoc:document:state", (said,)))
        state = bytes(said["state"])
        if state != NOTHING:
            self.doc.apply_update(state)
        elif self.text:
            await self.emit("ydoc:document:update", self.said(update=self.blob(self.doc.get_update())))

    def _update(self, said: Any, *more: Any) -> None:
        self.got.append(("ydoc:document:update", (said, *more)))
        self.doc.apply_update(bytes(said["update"]))

    def said(self, **more: Any) -> dict[str, Any]:
        return {"document_id": self.document_id, "user_id": "whoever", **more}

    async def join(self, **more: Any) -> Any:
        """Join as the page does. Returns the acknowledgement, which the page does not ask for."""
        shown = {"user_name": "Some Body", "user_color": "#123456"}
        return await self.call("ydoc:document:join", self.said(**shown, **more))

    def typed(self, words: str, at: int | None = None) -> bytes:
        """Type; returns the update, which nobody has been sent."""
        before = self.doc.get_state()
        self.body.insert(len(self.text) if at is None else at, words)
        return self.doc.get_update(before)

    async def type(self, words: str, **more: Any) -> Any:
        """Type, and send it; returns the acknowledgement."""
        return await self.call("ydoc:document:update", self.said(update=self.blob(self.typed(words)), **more))


class Editor(Page):
    """Who speaks the second version: binary, acknowledged, and joined by what it has."""

    blob = bytes

    async def join(self, **more: Any) -> Any:
        parts = len(self.of("ydoc:document:part"))
        ack = await super().join(v=2, **more)
        if "parts" in ack:
            came = itertools.islice(self.of("ydoc:document:part"), parts, None)
            ack["update"] = b"".join(part["data"] for part in came if part["id"] == ack["id"])
        if "update" in ack:
            self.doc.apply_update(bytes(ack["update"]))
        return ack


@asynccontextmanager
async def editing(
    kind: type[Page], note_id: str, url: str, user_id: str = "alice", transport: str = "websocket", **claims: Any
) -> AsyncIterator[Any]:
    """A connected editor of a note's document, that has not joined."""
    async with kind(note_id) as page:
        await page.open(url, token(user_id, **claims), transports=[transport])
        yield page
        if transport == "polling":
            await page.drop()  # a goodbye by polling waits for the next ping
