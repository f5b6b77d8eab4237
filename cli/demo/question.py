"""A scene: an event call from a process that is no node, to a page that is reloaded before it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from app.producer import producer
from app.question import DONE
from app.settings import Settings
from cli.demo.conversation import Conversation, Ledger
from cli.demo.front import Front
from cli.demo.listeners import Client, Listener
from cli.demo.report import Row, Section
from cli.demo.scene import Progress, Setting, scripted
from cli.demo.waiting import ECHO_S, until, within

NAME = "a call, page reloaded"
USER = "mia"
KIND = "confirmation"
ANSWER = "yes, after the reload"
CALL_S = 240.0  # how long the caller waits; the page needs a few seconds
DEADLINE_S = 300.0


class Page(Listener):
    """One load of a page. answer: what it says to a question; None: it never says anything.

    asked: the calls' ids. withdrawn: ids of those that are over.
    """

    def __init__(self, talk: Conversation, name: str, urls: Sequence[str], answer: str | None) -> None:
        self.asked: list[str] = []
        self.withdrawn: list[str] = []
        self._answer = answer
        super().__init__(Ledger(talk, name), urls)

    @property
    def session_id(self) -> str:
        return str(self._client.get_sid())

    def _new_client(self) -> Client:
        client = super()._new_client()
        client.on("events", self._on_question)
        return client

    async def _on_question(self, body: dict[str, Any], *_position: str) -> str | None:
        envelope = body["data"]
        if envelope["type"] == DONE:
            self.withdrawn.append(envelope["data"]["interaction_id"])
        if envelope["type"] != KIND:
            return None
        self.asked.append(envelope["data"]["interaction_id"])
        if self._answer is None:
            await asyncio.Event().wait()  # until the page, or the demo, is gone
        return self._answer


class Question:
    """Needs both nodes: a page whose node is killed may be asked once more, which is as the contract says."""

    def __init__(self, setting: Setting, urls: Sequence[str]) -> None:
        """urls: of the nodes; the page is loaded on one and then on the other."""
        self._talk = scripted(NAME, [], setting.here, USER)
        self._first = Page(self._talk, "first load: asked, silent", urls, None)
        self._second = Page(self._talk, "reloaded: asked again, answers", urls[::-1], ANSWER)
        self._redis_url = setting.here.redis_url
        self.clients: list[Listener] = []
        self.fronts: list[Front] = []
        self._answer: Any = None

    async def play(self, _progress: Progress) -> None:
        """Ask the first page, reload it, and wait for the answer."""
        async with within(DEADLINE_S, "a call"), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._first.run())
            await self._first.connected.wait()
            asking = tasks.create_task(self._ask(self._first.session_id))
            await until(lambda: bool(self._first.asked) or asking.done())
            running.cancel()
            await asyncio.wait({running})
            reloaded = tasks.create_task(self._second.run())
            self._answer = await asking
            await until(lambda: bool(self._second.withdrawn))
            await asyncio.sleep(ECHO_S)  # a second word of it would come now
            reloaded.cancel()

    async def _ask(self, session_id: str) -> Any:
        """Call the page, as any program can that knows the address of Redis."""
        prefix = str(Settings.model_fields["redis_key_prefix"].default)
        target = {"user_id": USER, "session_id": session_id, "chat_id": "none", "message_id": "none"}
        async with producer(self._redis_url, prefix, call_timeout_s=CALL_S) as script:
            ask = await script.get_event_call(target)
            return await ask({"type": KIND, "data": {"title": "Go on?", "message": "The page is about to reload."}})

    async def judge(self) -> Section:
        pages = [self._first, self._second]
        ids = {number for page in pages for number in page.asked}
        rows = [Row(page.ledger.client, "", len(page.asked) == len(ids) == 1) for page in pages]
        rows.append(Row("told that the call is over, once", "", self._second.withdrawn == list(ids)))
        rows.append(Row("the caller has the answer", "", self._answer == ANSWER))
        return Section(NAME, USER, 1, "", rows, all(row.good for row in rows))
