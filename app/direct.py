"""Direct completions: the user's browser asks the provider, and sends each line of the answer to the waiting process.

The lines are appended to a room of their own, `direct:{channel}`, which the waiting process follows: so they come in
order and from any node, a slow reader costs no memory (it is fed from the log), and nothing of it is ever folded.
Nobody can fill such a room unless somebody waits for it; at its end it is removed.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from app.calls import GONE, Calls
from app.follow import Follower
from app.hub import Hub
from app.question import DEFAULT_TIMEOUT_S, Question
from registry.directs import DIRECT_TTL_S, Directs
from registry.pool import Pool
from streams.ending import end
from streams.errors import LogUnavailable
from streams.keys import direct_room

log = logging.getLogger("roomlog.direct")

WATCH_S = 1.0

TRIES = 3
"""How often a page is asked that loses its link before it has answered: each may cost its user a completion."""


class DirectFailed(Exception):
    """The browser did not deliver the completion, or not to its end. The text may be shown to users."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page that is asked: a session of this user, for a message of this chat, if it is for one."""

    user_id: str
    session_id: str
    chat_id: str | None = None
    message_id: str | None = None


@dataclass(slots=True)
class DirectCompletion:
    """What a browser delivers. whole: the JSON completion, when it came in one piece; else read `lines`.

    connection: of the browser, when it was asked. resent: True once another one brought lines or the end: what was on
    the lost link may be missing.
    """

    follower: Follower
    connection: str
    whole: Any = None
    resent: bool = False
    fault: str = ""
    waiting_since: float | None = None

    async def lines(self) -> AsyncGenerator[str, None]:
        """The provider's lines as the browser read them, in order, until it said that it is done.

        Raises DirectFailed when the browser vanished, was idle for too long, sent too much, or the log cannot go on.
        """
        loop = asyncio.get_running_loop()
        self.waiting_since = loop.time()
        async for entry in self.follower.entries():
            if entry is None:
                continue
            self.waiting_since = None
            connection, payload = orjson.loads(entry.data)
            self.resent = self.resent or connection != self.connection
            if isinstance(payload, dict):
                if payload.get("error"):
                    raise DirectFailed(str(payload["error"]))
                return
            yield payload
            self.waiting_since = loop.time()
        raise DirectFailed(self.fault or "the log could not go on")

    def fail(self, fault: str) -> None:
        """End `lines` with a fault."""
        self.fault = fault
        self.follower.close()


class Direct:
    """Direct completions that this node waits for.

    idle_s: longest silence of a browser that is there. away_s: how long it may be away.
    """

    def __init__(self, calls: Calls, directs: Directs, pool: Pool, hub: Hub, idle_s: float, away_s: float) -> None:
        self._calls = calls
        self._directs = directs
        self._pool = pool
        self._hub = hub
        self._idle_s = idle_s
        self._away_s = away_s

    @asynccontextmanager
    async def complete(self, page: Page, form_data: Any, model: Any) -> AsyncIterator[DirectCompletion]:
        """Have the asking user's page do a completion.

        Raises DirectFailed when the page is not there, refuses, or is silent, and LogUnavailable. Leaves nothing
        behind.
        """
        for _ in range(TRIES):
            async with self._channel(page) as (channel, completion):
                answer = await self._ask(page, channel, form_data, model)
                if answer != GONE:
                    completion.whole = _whole(answer)
                    if completion.whole is not None or await self._connection(page) == completion.connection:
                        yield completion
                        return
            await self._back(page)
        raise DirectFailed(GONE["error"])

    @asynccontextmanager
    async def _channel(self, page: Page) -> AsyncIterator[tuple[str, DirectCompletion]]:
        """A new channel that lines may come on, watched and kept until its end."""
        channel = f"{page.user_id}:{page.session_id}:{uuid.uuid4().hex}"
        connection = await self._connection(page)
        await self._directs.keep(channel)
        follower = Follower(self._hub, direct_room(channel), self._hub.position)
        completion = DirectCompletion(follower, connection)
        watching = asyncio.create_task(self._watch(channel, page.session_id, completion))
        try:
            yield channel, completion
        finally:
            follower.close()
            await end([watching])
            if not watching.cancelled() and (fault := watching.exception()) is not None:
                log.error("%s was not watched to its end", channel, exc_info=fault)
            try:
                await self._directs.end(channel)
            except LogUnavailable as fault:
                log.warning("%s is left to be reaped: %s", channel, fault)

    async def _connection(self, page: Page) -> str:
        """The connection of the asking user's session; "" when it has none now."""
        session = await self._pool.find(page.session_id)
        return session.connection if session is not None and session.user_id == page.user_id else ""

    async def _ask(self, page: Page, channel: str, form_data: Any, model: Any) -> Any:
        sid = page.session_id
        data = {"form_data": form_data, "model": model, "channel": channel, "session_id": sid}
        question = Question(
            page.user_id,
            sid,
            page.chat_id,
            page.message_id,
            "request:chat:completion",
            data,
            wait_s=max(self._idle_s, DEFAULT_TIMEOUT_S),
            once=True,
        )
        return await self._calls.call(question)

    async def _back(self, page: Page) -> None:
        """Wait until the asking session is back. It is asked anew then, on a new channel: whether it had begun is not
        known, and two answers on one channel would mix. Raises DirectFailed."""
        deadline = asyncio.get_running_loop().time() + self._away_s
        while asyncio.get_running_loop().time() < deadline:
            session = await self._pool.find(page.session_id)
            if session is not None and session.user_id == page.user_id:
                return
            if session is not None:
                break
            await asyncio.sleep(WATCH_S / 2)
        raise DirectFailed(GONE["error"])

    async def _watch(self, channel: str, sid: str, completion: DirectCompletion) -> None:
        """Keep the channel open; fail the completion when the browser is idle or away for too long."""
        loop = asyncio.get_running_loop()
        seen_at = kept_at = loop.time()
        while True:
            await asyncio.sleep(WATCH_S)
            try:
                if await self._pool.find(sid) is not None:
                    seen_at = loop.time()
                if loop.time() - kept_at > DIRECT_TTL_S / 4:
                    await self._directs.keep(channel)
                    kept_at = loop.time()
            except LogUnavailable as fault:
                log.warning("%s is not watched while the log is away: %s", channel, fault)
                continue
            since = completion.waiting_since
            if loop.time() - seen_at > self._away_s:
                completion.fail("The browser that does this completion went away.")
                return
            if since is not None and loop.time() - since > self._idle_s:
                completion.fail(f"The browser sent nothing for {self._idle_s:g} s.")
                return


def _whole(answer: Any) -> Any:
    """The completion that came at once; None when lines follow. Raises DirectFailed for an error."""
    if isinstance(answer, dict) and answer.get("error"):
        error = answer["error"]
        raise DirectFailed(str(error.get("message", error)) if isinstance(error, dict) else str(error))
    if isinstance(answer, dict) and answer.get("status") is True:
        return None
    if not isinstance(answer, dict):
        raise DirectFailed("The browser gave no completion.")
    return answer
