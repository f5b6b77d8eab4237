"""What was ordered of sessions that may be away: into a room, out of it, or ended. Who comes back catches up with it.

An order is noted per user or per session, before it stands in the log (as early as the log allows) and again with its
position. So a session that is on its way in either finds the note or is met by the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streams.entry import Position
from streams.keys import Keys
from streams.link import Client, retrying, run_script

_INTO, _OUT_OF, _END = "+", "-", "end"
_SLICE = 500  # users whom one script call notes


def sessions_of(user_id: str) -> str:
    """All sessions of a user, as the one whom an order concerns."""
    return f"user:{user_id}"


def one_session(sid: str) -> str:
    """One session, as the one whom an order concerns."""
    return f"sid:{sid}"


@dataclass(frozen=True, slots=True)
class Missed:
    """The newest orders about a session. into, out_of: room -> position. ended: sessions that began before it end."""

    into: Mapping[str, Position] = field(default_factory=dict)
    out_of: Mapping[str, Position] = field(default_factory=dict)
    ended: Position = Position.ZERO

    def obeyed(self, rooms: Mapping[str, Position], left: Mapping[str, Position]) -> dict[str, Position]:
        """The rooms (with the position after which each belongs to the session) after these orders.

        left: rooms that the session left by itself, and when: an order into one of them before that was obeyed.
        """
        after = {room: at for room, at in rooms.items() if at >= self.out_of.get(room, Position.ZERO)}
        for room, at in self.into.items():
            if at >= self.out_of.get(room, Position.ZERO) and at > left.get(room, Position.ZERO):
                after.setdefault(room, at)
        return after


class Moves:
    """Hashes that expire by themselves. All calls may be repeated and raise LogUnavailable.

    ttl_s: as long as a session may be away. whom: by `sessions_of` or `one_session`. at: the order's position; of two
    orders the later one counts, whichever is noted first.
    """

    def __init__(self, keys: Keys, client: Client, ttl_s: int) -> None:
        self._keys = keys
        self._client = client
        self._ttl_s = ttl_s

    async def into(self, whom: Sequence[str], room: str, at: Position) -> None:
        """Sessions were ordered into a room, whose entries after `at` are theirs."""
        await self._note(whom, _INTO + room, at)

    async def out_of(self, whom: Sequence[str], room: str, at: Position) -> None:
        """Sessions were ordered out of a room, those that joined it before `at`."""
        await self._note(whom, _OUT_OF + room, at)

    async def end(self, whom: Sequence[str], at: Position) -> None:
        """Sessions were ended, those that began before `at`."""
        await self._note(whom, _END, at)

    async def _note(self, whom: Sequence[str], what: str, at: Position) -> None:
        for start in range(0, len(whom), _SLICE):
            await self._note_some(whom[start : start + _SLICE], what, at)

    async def _note_some(self, whom: Sequence[str], what: str, at: Position) -> None:
        keys = [self._keys.moves(one) for one in whom]
        await retrying(lambda: run_script(self._client, "move", keys, [self._ttl_s, what, *at]))

    async def missed(self, user_id: str, sid: str) -> Missed:
        """The orders about a session of a user within the last `ttl_s` seconds, at least."""

        async def read() -> list[dict[bytes, bytes]]:
            pipe = self._client.pipeline(transaction=False)
            pipe.hgetall(self._keys.moves(sessions_of(user_id)))
            pipe.hgetall(self._keys.moves(one_session(sid)))
            return list(await pipe.execute())

        newest: dict[str, Position] = {}
        for found in await retrying(read):
            for what, at in found.items():
                name = what.decode()
                newest[name] = max(newest.get(name, Position.ZERO), Position.parse(at))
        return Missed(_of(newest, _INTO), _of(newest, _OUT_OF), newest.get(_END, Position.ZERO))


def _of(newest: Mapping[str, Position], sign: str) -> dict[str, Position]:
    return {name[1:]: at for name, at in newest.items() if name.startswith(sign)}
