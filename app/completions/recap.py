"""The whole text of an answer, told once more before it is closed.

Pages forget events that come while they load: one that was loaded in mid-answer lacks what was told between its
snapshot and its first look at the socket. This mends it. The log has lost nothing, and the fold reads none of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from app.chats import ChatBusy, Chats
from app.completions.run import Run
from archive.errors import ArchiveError
from registry.tasks import Remains, is_page_only
from streams.errors import LogError

log = logging.getLogger("roomlog.completions")

READ_S = 1.0
"""How long it may hold up an answer's end."""


class Recap:
    """Tells what the chat has, and not what the run remembers: others may have written into the message, too.

    A read that is late is left to end by itself: to cancel it, psycopg asks the server, which may be silent.
    spawn: runs a coroutine in the node's task group.
    """

    def __init__(self, chats: Chats, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        self._chats = chats
        self._spawn = spawn

    async def tell(self, run: Run) -> None:
        """Tell it, where there is a text and nothing else will say it. What fails is logged: a reload has the text."""
        if not run.text or not run.is_plain or is_page_only(run.remains.chat_id):
            return
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._spawn(self._read(run.remains, found))
        try:
            async with asyncio.timeout(READ_S):
                content = await found
            if content:
                await run.recap(content)
        except (TimeoutError, ArchiveError, ChatBusy, LogError) as fault:
            log.info("the text of message %s is not told again: %s", run.remains.message_id, type(fault).__name__)

    async def _read(self, place: Remains, found: asyncio.Future[str]) -> None:
        """Find the text. Raises nothing, which would stop the node: what fails is in `found`."""
        try:
            content = await self._stored(place)
        except Exception as fault:  # noqa: BLE001  # whoever awaits the text gets it
            if not found.done():
                found.set_exception(fault)
            else:
                log.info("the text of message %s was not read: %s", place.message_id, type(fault).__name__)
            return
        if not found.done():
            found.set_result(content)

    async def _stored(self, place: Remains) -> str:
        chat = await self._chats.get(place.chat_id)
        message = chat[0].messages.get(place.message_id) if chat else None
        return message.content if message else ""
