"""The whole text of an answer, told once more before it is closed.

Pages forget events that come while they load: one that was loaded in mid-answer lacks what was told between its
snapshot and its first look at the socket. This mends it. The log has lost nothing, and the fold reads none of it.
"""

from __future__ import annotations

import asyncio
import logging

from app.chats import ChatBusy, Chats
from app.completions.run import Run
from archive.errors import ArchiveError
from registry.tasks import is_page_only
from streams.errors import LogError

log = logging.getLogger("roomlog.completions")

READ_S = 1.0
"""How long it may hold up an answer's end."""


class Recap:
    """Tells what the chat has, and not what the run remembers: others may have written into the message, too."""

    def __init__(self, chats: Chats) -> None:
        self._chats = chats

    async def tell(self, run: Run) -> None:
        """Tell it, where there is a text and nothing else will say it. What fails is logged: a reload has the text."""
        if not run.text or not run.is_plain or is_page_only(run.remains.chat_id):
            return
        try:
            async with asyncio.timeout(READ_S):
                content = await self._stored(run)
            if content:
                await run.recap(content)
        except (TimeoutError, ArchiveError, ChatBusy, LogError) as fault:
            log.info("the text of message %s is not told again: %s", run.remains.message_id, type(fault).__name__)

    async def _stored(self, run: Run) -> str:
        found = await self._chats.get(run.remains.chat_id)
        message = found[0].messages.get(run.remains.message_id) if found else None
        return message.content if message else ""
