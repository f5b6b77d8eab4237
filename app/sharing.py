"""Sharing: giving others access to a chat or a note, and taking it away, on every node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from app.emitter import Emitter
from app.grants import Grants
from app.orders import Orders
from archive.sharing import grants_payload
from streams.append import Appended, NewEntry
from streams.replay import Reader


@dataclass(frozen=True, slots=True)
class Shared:
    """Something that its owner may share. room: what its grants are of. log: the room that they stand in.

    event: name of the entries that change its grants. also: another room of its readers, "" for none.
    """

    room: str
    log: str
    event: str
    owner: str
    also: str = ""

    @property
    def rooms(self) -> tuple[str, ...]:
        """Where its readers are."""
        return (self.room, self.also) if self.also else (self.room,)


class Sharing:
    """Changes grants. Raises as reading does, and the errors of `Appender.append`."""

    def __init__(self, grants: Grants, reader: Reader, emitter: Emitter, orders: Orders) -> None:
        self._grants = grants
        self._reader = reader
        self._emitter = emitter
        self._orders = orders

    async def replace(self, shared: Shared, wanted: Mapping[str, str]) -> tuple[frozenset[str], Appended | None]:
        """Give these permissions, and take all others away; returns the users whose access changed, and where that
        stands in `shared.log`, None when nothing did.

        When it returns, no session of a user who lost access is in its rooms, on any node, and none gets in again.
        A call that failed may be made again.
        """
        before = await self._grants.of(shared.room, shared.log)
        after = {user_id: word for user_id, word in wanted.items() if user_id != shared.owner}
        changed = {u: after.get(u) for u in before.keys() | after.keys() if before.get(u) != after.get(u)}
        lost = [user_id for user_id, word in changed.items() if word is None]
        body = orjson.dumps(grants_payload(shared.room, changed))
        await asyncio.gather(*(self._orders.leaving(room, lost) for room in shared.rooms if lost))
        # Handed in within one turn, so they are in one batch of the log: either all happened or nothing did.
        entries = [NewEntry(shared.log, shared.event, body, quiet=True)] if changed else []
        entries += [self._orders.to_leave(room, lost) for room in shared.rooms if lost]
        appended: list[Appended] = await asyncio.gather(*(self._emitter.append(entry) for entry in entries))
        position = max((a.position for a in appended), default=None)
        position = position or await self._reader.position()
        await asyncio.gather(*(self._orders.left(room, lost, position) for room in shared.rooms))
        return frozenset(changed), appended[0] if changed else None
