"""Two clients that edit a note: one as Open WebUI's page does, one that speaks version 2 of the document protocol."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

from socketio.exceptions import ConnectionError as NotConnected
from socketio.exceptions import SocketIOError

from cli.demo.listeners import AGAIN_S, Client
from cli.demo.paper import NOTHING, Paper, merged

ANSWER_S = 20.0
RETRY_S = 0.25
JOIN, STATE, UPDATE = "ydoc:document:join", "ydoc:document:state", "ydoc:document:update"
PART, RESET = "ydoc:document:part", "room:reset"


class Editor:
    """Keeps a document, and a link to it: to the next URL after each end of one. links: how often it connected."""

    def __init__(self, document_id: str, user: str, token: str, urls: Sequence[str]) -> None:
        self.document_id = document_id
        self.user = user
        self.paper = Paper(self._edited)
        self.connected = asyncio.Event()
        self.links = 0
        self.recovered = 0
        self._token = token
        self._urls = itertools.cycle(urls)
        self.client = Client(reconnection=False, handle_sigint=False)
        self.client.on("connect", self._on_connect)
        self.client.on("connect_error", self._on_refused)
        self.client.on("disconnect", self._on_lost)
        self.client.on(UPDATE, self._on_update)

    async def run(self) -> None:
        """Stay connected until cancelled, and come back whenever the link ends."""
        try:
            while True:
                try:
                    await self.client.linked(next(self._urls), self._token)
                except (NotConnected, OSError):
                    await asyncio.sleep(AGAIN_S)
                self._on_lost()
        finally:
            await self.client.hang_up()

    @property
    def writable(self) -> bool:
        """Whether the user can type now."""
        return True

    async def edit(self, document_id: str) -> None:
        """Open this document; `document_id` "" is none yet."""
        self.document_id = document_id
        if self.client.connected:
            await self._join()

    async def _on_connect(self) -> None:
        self.links += 1
        self.recovered += self.client.recovered
        self.connected.set()
        if self.document_id:
            await self._join()

    async def _on_refused(self, _reason: object) -> None:
        """The node is not ready yet, or there is none: end the link, `run` tries again."""
        await self.client.hang_up()

    def _on_lost(self, _reason: object = None) -> None:
        """The link is gone."""

    def _edited(self, update: bytes) -> None:
        """An edit is being made here: the document cannot be read now."""
        raise NotImplementedError

    async def _join(self) -> None:
        raise NotImplementedError

    def _on_update(self, body: dict[str, Any], position: str = "") -> None:
        """An edit was made elsewhere."""
        raise NotImplementedError

    def _body(self, **more: Any) -> dict[str, Any]:
        return {"document_id": self.document_id, "user_id": self.user, **more}

    @property
    def _named(self) -> dict[str, Any]:
        return self._body(user_name=self.user.title(), user_color="#336699")


class StockEditor(Editor):
    """Does what Open WebUI's page does: lists of numbers, no state vector, no acknowledgement.

    What was typed offline it never sends by itself.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.synced = False
        self.client.on(STATE, self._on_state)

    @property
    def writable(self) -> bool:
        """The page takes no key while it is connected and not in step; offline it does."""
        return self.synced or not self.client.connected

    async def _join(self) -> None:
        try:
            await self.client.emit(JOIN, self._named)
        except SocketIOError:
            return  # the link ended; the next one joins

    def _on_lost(self, _reason: object = None) -> None:
        self.synced = False

    async def _on_state(self, body: dict[str, Any]) -> None:
        state = bytes(body["state"])
        if state != NOTHING:
            self.paper.apply(state)
        elif not self.paper.empty:
            await self._send(self.paper.since())
        self.synced = True

    def _on_update(self, body: dict[str, Any], position: str = "") -> None:
        self.paper.apply(bytes(body["update"]))

    def _edited(self, update: bytes) -> None:
        if self.synced:
            task = asyncio.ensure_future(self._send_with_content(update))
            task.add_done_callback(_lost_with_its_link)

    async def _send_with_content(self, update: bytes) -> None:
        """With every edit the whole note as text goes up too."""
        text = self.paper.text
        await self._send(update, data={"content": {"md": text, "html": f"<p>{text}</p>", "json": None}})

    async def _send(self, update: bytes, **more: Any) -> None:
        await self.client.emit(UPDATE, self._body(update=list(update), **more))


def _lost_with_its_link(task: asyncio.Task[None]) -> None:
    """A page does not notice, either."""
    if not task.cancelled():
        task.exception()


class CurrentEditor(Editor):
    """Speaks version 2: a join costs what was missed, and every edit is kept until the server has acknowledged it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.epoch: str | None = None
        self.position: str | None = None
        self.modes: list[str] = []
        self.refused: list[dict[str, Any]] = []
        self.joined = asyncio.Event()
        self._unsaved: list[bytes] = []
        self._early: list[tuple[dict[str, Any], str]] = []
        self._parts: dict[str, dict[int, bytes]] = {}
        self._wake = asyncio.Event()
        self._lost = asyncio.Event()
        self.client.on(PART, self._on_part)
        self.client.on(RESET, self._on_reset)

    @property
    def saved(self) -> bool:
        """Whether everything that was typed here is in the server's log."""
        return not self._unsaved

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run())
            tasks.create_task(self._save())

    def _on_lost(self, _reason: object = None) -> None:
        self.joined.clear()
        self._lost.set()

    async def _join(self) -> None:
        """When it is refused, or not answered, the link is ended, and `run` makes another one."""
        self._on_lost()
        lost = self._lost = asyncio.Event()
        self._early, self._parts = [], {}
        mine = {"epoch": self.epoch, "since": self.position} if self.epoch is not None else {}
        answer = await self._ask(JOIN, self._named | mine | {"v": 2, "state_vector": self.paper.vector})
        if lost.is_set():
            return
        if "error" in answer:
            self.refused.append(answer)
            await self.client.hang_up()
            return
        self._take(answer)

    def _take(self, answer: dict[str, Any]) -> None:
        self.modes.append(answer["mode"])
        self.paper.apply(self._update_of(answer))
        self.epoch, self.position = answer["epoch"], answer["position"]
        if answer["mode"] != "tail" and (missing := self.paper.since(bytes(answer["state_vector"]))) != NOTHING:
            self._unsaved = [missing]
        self.joined.set()
        for body, position in self._early:
            self._on_update(body, position)
        self._wake.set()

    def _update_of(self, answer: dict[str, Any]) -> bytes:
        if "update" in answer:
            return bytes(answer["update"])
        parts = self._parts.pop(answer["id"])
        return b"".join(parts[number] for number in range(answer["parts"]))

    def _on_part(self, body: dict[str, Any]) -> None:
        self._parts.setdefault(body["id"], {})[body["part"]] = bytes(body["data"])

    async def _on_reset(self, body: dict[str, Any]) -> None:
        if f"doc_{self.document_id}" in body["rooms"] and self.joined.is_set():
            await self._join()

    def _on_update(self, body: dict[str, Any], position: str = "") -> None:
        if not self.joined.is_set():
            self._early.append((body, position))
            return
        self.paper.apply(bytes(body["update"]))
        self.position = position or self.position

    def _edited(self, update: bytes) -> None:
        self._unsaved.append(update)
        self._wake.set()

    async def _save(self) -> None:
        """Send what was not acknowledged, merged, one update at a time."""
        while True:
            await self._wake.wait()
            await self.joined.wait()
            self._wake.clear()
            if self._unsaved:
                await self._send(list(self._unsaved))

    async def _send(self, sent: list[bytes]) -> None:
        answer = await self._ask(UPDATE, self._body(update=merged(sent), epoch=self.epoch))
        if "position" in answer and self._unsaved[: len(sent)] == sent:
            del self._unsaved[: len(sent)]
        elif "resync" in answer:
            self._unsaved = [self.paper.since(bytes(answer["resync"]))]
        elif "error" in answer:
            self.refused.append(answer)
            await asyncio.sleep(max(RETRY_S, answer.get("retry_after", 0)))
        self._wake.set()

    async def _ask(self, event: str, body: dict[str, Any]) -> dict[str, Any]:
        """The server's answer; an `error` of our own when there was none before the link ended."""
        asking = asyncio.ensure_future(self.client.call(event, body, timeout=ANSWER_S))
        losing = asyncio.ensure_future(self._lost.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
            answer = asking.result() if asking.done() else {"error": "silent"}
        except (SocketIOError, OSError) as error:
            return {"error": "silent", "message": str(error)}
        finally:
            for task in (asking, losing):
                task.cancel()
            await asyncio.gather(asking, losing, return_exceptions=True)
        return answer if isinstance(answer, dict) else {"error": "invalid", "message": repr(answer)}
