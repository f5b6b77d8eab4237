"""Users as nodes notice them: they appear with their first valid token, and are active while they say so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict

from app.auth import Identity
from archive.errors import ArchiveRefused, ArchiveUnavailable
from archive.store import Archive
from archive.users import User
from registry.activity import Activity

log = logging.getLogger("roomlog.users")

KNOWN_USERS = 10_000
"""Users of whom a node remembers that they are stored; one that fell out is compared by SQL again, not written."""

WAITING_USERS = 10_000
"""Users that wait to be stored; above it the oldest is forgotten until its next token."""

RETRY_S = 1.0
WRITE_S = 2.0  # what a heartbeat waits for its write


class Users:
    """Noting is bounded and never in anybody's way: what a user did counts more than that it was noted.

    `run` does the writing and must be running.
    """

    def __init__(self, archive: Archive, activity: Activity) -> None:
        self._archive = archive
        self._activity = activity
        self._known: OrderedDict[str, User] = OrderedDict()
        self._waiting: OrderedDict[str, User] = OrderedDict()
        self._wake = asyncio.Event()

    def seen(self, identity: Identity) -> None:
        """Note a user by its valid token: stored soon, once; costs nothing while the token tells nothing new."""
        user = User(identity.user_id, identity.name, identity.email, identity.role)
        if self._known.get(user.id) == user:
            self._known.move_to_end(user.id)
        elif self._waiting.get(user.id) != user:
            _keep(self._waiting, user, WAITING_USERS)
            self._wake.set()

    async def run(self) -> None:
        """Store what was noted, until cancelled. A database that is away is waited for."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._store(next(iter(self._waiting.values())))

    async def _store(self, user: User) -> None:
        try:
            await self._archive.see_user(user.id, user.name, user.email, user.role)
        except ArchiveUnavailable as fault:
            log.warning("%d users wait to be noted: %s", len(self._waiting), fault)
            await asyncio.sleep(RETRY_S)
            return
        except ArchiveRefused as fault:
            log.error("a user cannot be noted: %s", fault)
        if self._waiting.get(user.id) == user:
            del self._waiting[user.id]
        _keep(self._known, user, KNOWN_USERS)

    async def active(self, user_id: str) -> None:
        """Note that a user is active: at most one SQL write a minute over all nodes. Raises LogUnavailable.

        A write that failed is tried again with the user's next heartbeat.
        """
        if not await self._activity.claim(user_id):
            return
        try:
            await asyncio.wait_for(self._archive.touch_user(user_id, int(time.time())), WRITE_S)
        except (ArchiveUnavailable, TimeoutError) as fault:
            log.warning("user %s was not noted as active, the next heartbeat will be: %s", user_id, fault)
            await self._activity.failed(user_id)
        else:
            await self._activity.written(user_id)


def _keep(users: OrderedDict[str, User], user: User, limit: int) -> None:
    users.pop(user.id, None)
    users[user.id] = user
    if len(users) > limit:
        users.popitem(last=False)
