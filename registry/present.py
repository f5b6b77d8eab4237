"""Who is present in a room, over all nodes: users with their names, as entries that expire by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson

from streams.bus import Signal, frame
from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

When = Literal["always", "changed"]


@dataclass(frozen=True, slots=True)
class Present:
    """One connection's presence, whatever room it is in. sid: its session's public id, in rooms that show it."""

    connection: str
    user_id: str
    name: str
    sid: str = ""
    member: bytes = field(init=False)

    def __post_init__(self) -> None:
        parts = [self.connection, self.user_id, self.name]
        object.__setattr__(self, "member", orjson.dumps([*parts, self.sid] if self.sid else parts))


@dataclass(frozen=True, slots=True)
class Announcement:
    """The ephemeral event that tells a room who is present: `head`, the users as a JSON list, `tail`."""

    event: str
    head: bytes
    tail: bytes


@dataclass(frozen=True, slots=True)
class Departure:
    """The ephemeral event that tells a room, once, that a session left: `head`, `"user_id":…,"socket_id":…`, `tail`.

    For rooms that show sessions. One that came back by another connection has not left.
    """

    event: str
    head: bytes
    tail: bytes


Telling = Announcement | Departure


class Presence:
    """All calls may be repeated and raise LogUnavailable. Each is one script call.

    telling: what tells a room; None for rooms that are not told. A room's set expires with its last member; what it
    keeps of a dead node is dropped with the next change or refresh, and the room is told then.
    """

    def __init__(self, keys: Keys, client: Client, ttl_s: float) -> None:
        self._keys = keys
        self._client = client
        self._ttl_ms = int(ttl_s * 1000)

    async def enter(self, room: str, who: Present, telling: Telling | None) -> None:
        """Note somebody in a room, and tell the room."""
        await self._change(room, "enter", [who], telling, "always")

    async def leave(self, room: str, who: Present, telling: Telling | None) -> None:
        """Take somebody out of a room, and tell the room if that changed anything."""
        await self._change(room, "leave", [who], telling, "changed")

    async def keep(self, room: str, members: Iterable[Present], telling: Telling | None) -> set[bytes]:
        """Keep those of these members alive that are noted, drop expired others, and tell the room if that changed it.

        Returns the members that are noted no longer: they left, or nobody kept them for too long.
        """
        return set(await self._change(room, "keep", members, telling, "changed"))

    async def keep_rooms(self, rooms: Mapping[str, Sequence[Present]]) -> list[str]:
        """Keep the members of many rooms alive, in one exchange; the caller bounds how many.

        Returns the rooms in which something else is to be done, which are left as they were: `keep` them one by one.
        """
        names = list(rooms)
        args: list[object] = [self._ttl_ms]
        for members in rooms.values():
            args += [len(members), *(who.member for who in members)]
        keys = [self._keys.present(room) for room in names]
        rest = await retrying(lambda: run_script(self._client, "present_keep", keys, args))
        return [names[number - 1] for number in rest]

    async def _change(
        self,
        room: str,
        how: Literal["enter", "keep", "leave"],
        members: Iterable[Present],
        telling: Telling | None,
        when: When,
    ) -> list[bytes]:
        head = tail = b""
        if telling is not None:
            head, tail = frame(Signal(room, telling.event, telling.head)), telling.tail
        told = "never" if telling is None else "left" if isinstance(telling, Departure) else when
        args: list[object] = [self._ttl_ms, told, self._keys.bus, head, tail, how, *(who.member for who in members)]
        keys = [self._keys.present(room)]
        return list(await retrying(lambda: run_script(self._client, "present", keys, args)))

    async def users(self, room: str) -> dict[str, str]:
        """Who is present: user id -> name."""
        return {member[1]: member[2] for member in await self._members(room)}

    async def sids(self, room: str) -> list[str]:
        """Public ids of the sessions that are present, in a room that shows them."""
        return sorted({member[3] for member in await self._members(room) if len(member) > 3})

    async def _members(self, room: str) -> list[list[str]]:
        key = self._keys.present(room)

        async def read() -> list[bytes]:
            return list(await self._client.zrangebyscore(key, await now_ms(self._client), "+inf"))

        return [orjson.loads(raw) for raw in await retrying(read)]
