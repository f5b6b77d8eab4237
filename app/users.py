"""Users as nodes notice them: they appear with their first valid token, and are active while they say so."""

from __future__ import annotations

import asyncio
import logging
import time

from app.auth import Identity
from archive.errors import ArchiveUnavailable
from archive.store import Archive
from registry.activity import Activity

log = logging.getLogger("roomlog.users")


class Users:
    """Writes are best effort and bounded: what a user did counts more than that it was noted."""

    def __init__(self, archive: Archive, activity: Activity) -> None:
        self._archive = archive
        self._activity = activity

    async def seen(self, identity: Identity) -> None:
        """Note a user by its token. A database that is away is logged: the next token notes it."""
        await self._note(
            self._archive.see_user(identity.user_id, identity.name, identity.email, identity.role), identity.user_id
        )

    async def active(self, user_id: str) -> None:
        """Note that a user is active: at most one SQL write a minute over all nodes. Raises LogUnavailable."""
        if await self._activity.first_this_minute(user_id):
            await self._note(self._archive.touch_user(user_id, int(time.time())), user_id)

    async def _note(self, write: object, user_id: str) -> None:
        try:
            await asyncio.wait_for(write, 2.0)  # type: ignore[arg-type]
        except (ArchiveUnavailable, TimeoutError) as fault:
            log.warning("user %s was not noted: %s", user_id, fault)
