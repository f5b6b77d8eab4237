"""Which role a user has: the one that an admin gave it, wherever there is one; else its token's."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from app.auth import Identity
from app.orders import Orders
from archive.errors import ArchiveError
from archive.store import Archive
from archive.users import User
from registry.roles import Roles as Known
from streams.errors import LogUnavailable

ASK_S = 2.0  # what a token's bearer waits for the database


class Roles:
    """known: what the database said, remembered for all nodes. orders: tells live sessions of a change."""

    def __init__(self, known: Known, archive: Archive, orders: Orders) -> None:
        self._known = known
        self._archive = archive
        self._orders = orders

    async def applied(self, identity: Identity) -> Identity:
        """The identity with the role that its user has. Raises LogUnavailable, also when only the database could tell
        and does not; then a token that claims nothing more than `user` is that, so that people go on."""
        return await self.with_role(identity, await self._known.of(identity.user_id))

    async def with_role(self, identity: Identity, given: str | None) -> Identity:
        """The same, where it was just asked what is known of the role. Raises as `applied` does."""
        if given is None:
            given = await self._looked_up(identity)
        return replace(identity, role=given) if given and given != identity.role else identity

    async def without_the_log(self, identity: Identity) -> Identity:
        """The identity with the role that the database has for it; when that is away too, with the one it claims.

        For reads that must answer when nothing else does.
        """
        try:
            given = await asyncio.wait_for(self._archive.given_role(identity.user_id), ASK_S)
        except (ArchiveError, TimeoutError):
            return identity
        return replace(identity, role=given) if given else identity

    async def _looked_up(self, identity: Identity) -> str:
        try:
            given = await asyncio.wait_for(self._archive.given_role(identity.user_id), ASK_S)
        except (ArchiveError, TimeoutError) as fault:
            if identity.role == "user":
                return ""
            raise LogUnavailable(f"the user's role cannot be told now: {fault}") from fault
        await self._known.remember(identity.user_id, given)
        return given

    async def give(self, user_id: str, role: str) -> User | None:
        """Give a user a role, whatever its tokens claim; None when the user was never seen.

        When it returns, every node goes by it, and no session of the user is in a room that only the old role opened.
        A call that failed may be made again. Raises ArchiveError and LogUnavailable.
        """
        user = await self._archive.give_role(user_id, role)
        told = "" if user else role
        while told != role:
            await self._known.change(user_id, role)
            await self._orders.change_role(user_id, role)
            told, role = role, await self._archive.given_role(user_id)  # another admin may have come in between
        return user
