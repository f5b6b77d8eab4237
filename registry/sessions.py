"""Session records: what is needed to bring a session back on any node.

A record is a hash with a time to live. Its connected node refreshes that; when the node dies or the socket drops, the
record outlives them by the session TTL, within which the client may resume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.moves import one_session, sessions_of
from registry.pool import Pooled
from streams.entry import Position
from streams.keys import Keys
from streams.link import Client, retrying

_ROOM = b"r:"
_LEFT = b"l:"


@dataclass(frozen=True, slots=True)
class Replay:
    """History of one room that a session was handed after newer events of other rooms (`join` with `after`).

    When such a replay began, everything up to `cut` had been sent. So a client whose last position is one of the
    room's entries in (after, upto] has everything else up to `cut`. `upto` is below `cut` when the session was in the
    room before: what follows it had been sent too.
    """

    room: str
    after: Position
    upto: Position
    cut: Position


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """pid: the private id by which the client comes back. sid: its public Socket.IO id. user_id: whose it is.

    connected_at: the shard's position when it connected: what a client that saw no event resumes from.
    connection: name of the connection that holds it now, `node/engine sid`, or "".
    rooms: room -> position after which it belongs to the session.
    left: rooms that it was ordered into and left since -> the position at which it left.
    """

    pid: str
    sid: str
    user_id: str
    connected_at: Position
    connection: str
    rooms: dict[str, Position]
    replays: tuple[Replay, ...] = ()
    left: Mapping[str, Position] = field(default_factory=dict)


_TAKE_OVER = """
-- KEYS: record.  ARGV: user id, connection, ttl (s).  Returns the record as it was, or nothing.
if redis.call('HGET', KEYS[1], 'user') ~= ARGV[1] then return {} end
local record = redis.call('HGETALL', KEYS[1])
redis.call('HSET', KEYS[1], 'connection', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return record
"""

_IF_MINE = """
-- KEYS: record.  ARGV: connection, ttl (s), then field/value pairs to set; a field with value '' is removed.
-- Returns 1, or 0 when another connection holds the record.
if redis.call('HGET', KEYS[1], 'connection') ~= ARGV[1] then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' and ARGV[i] ~= 'connection' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""

_LEAVE = """
-- KEYS: record, moves of its user, moves of the session.  ARGV: connection, ttl (s), room, position of leaving.
-- Returns 1, or 0 when another connection holds the record.
if redis.call('HGET', KEYS[1], 'connection') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'r:' .. ARGV[3])
local ordered = '+' .. ARGV[3]
if redis.call('HEXISTS', KEYS[2], ordered) == 1 or redis.call('HEXISTS', KEYS[3], ordered) == 1 then
  redis.call('HSET', KEYS[1], 'l:' .. ARGV[3], ARGV[4])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class Sessions:
    """The records. All calls may be repeated; they raise LogUnavailable when Redis does not answer."""

    def __init__(self, keys: Keys, client: Client, ttl_s: int) -> None:
        self._keys = keys
        self._client = client
        self._ttl_s = ttl_s
        self._take_over = client.register_script(_TAKE_OVER)
        self._if_mine = client.register_script(_IF_MINE)
        self._leave = client.register_script(_LEAVE)

    async def create(self, record: SessionRecord) -> None:
        """Write a new record."""
        fields: dict[Any, Any] = {
            "sid": record.sid,
            "user": record.user_id,
            "connected_at": str(record.connected_at),
            "connection": record.connection,
        }
        fields |= {_ROOM + room.encode(): str(at) for room, at in record.rooms.items()}

        async def create() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(self._keys.session(record.pid), mapping=fields)
            pipe.expire(self._keys.session(record.pid), self._ttl_s)
            await pipe.execute()

        await retrying(create)

    async def take_over(self, pid: str, user_id: str, connection: str) -> SessionRecord | None:
        """Hand the record to a new connection of the same user; returns it as it was before.

        None when there is no such record, or it is another user's.
        """
        raw = await retrying(
            lambda: self._take_over(keys=[self._keys.session(pid)], args=[user_id, connection, self._ttl_s])
        )
        return _record(pid, raw) if raw else None

    async def join(self, pid: str, connection: str, room: str, at: Position, replays: tuple[Replay, ...]) -> bool:
        """Note that the session is in a room from a position on. False when another connection took the session."""
        return await self._set(pid, connection, {f"r:{room}": str(at), "replays": _dump(replays)})

    async def leave(self, whose: Pooled, pid: str, room: str, at: Position) -> bool:
        """Note that the session left a room, at a position. False when another connection took the session.

        A session that comes back is not put into it again by an order from before that.
        """
        moves = (sessions_of(whose.user_id), one_session(whose.sid))
        keys = [self._keys.session(pid), *map(self._keys.moves, moves)]
        args = [whose.connection, self._ttl_s, room, str(at)]
        return bool(await retrying(lambda: self._leave(keys=keys, args=args)))

    async def change(self, pid: str, connection: str, rooms: Mapping[str, Position | None]) -> bool:
        """Note rooms that the session came to be in from a position on, or (None) is in no longer."""
        return await self._set(pid, connection, {f"r:{room}": str(at or "") for room, at in rooms.items()})

    async def away(self, pid: str, connection: str) -> bool:
        """Note that the connection is gone; the record lives on for the session TTL."""
        return await self._set(pid, connection, {"connection": ""})

    async def refresh(self, sessions: list[tuple[str, str]]) -> None:
        """Keep the records of connected sessions (pid, connection) alive."""

        async def refresh() -> None:
            pipe = self._client.pipeline(transaction=False)
            for pid, _connection in sessions:
                pipe.expire(self._keys.session(pid), self._ttl_s)
            await pipe.execute()

        if sessions:
            await retrying(refresh)

    async def end(self, pid: str) -> None:
        """Delete the record: the session cannot come back."""
        await retrying(lambda: self._client.delete(self._keys.session(pid)))

    async def _set(self, pid: str, connection: str, fields: dict[str, str]) -> bool:
        args: list[Any] = [connection, self._ttl_s]
        for name, value in fields.items():
            args += (name, value)
        return bool(await retrying(lambda: self._if_mine(keys=[self._keys.session(pid)], args=args)))


def _record(pid: str, raw: list[bytes]) -> SessionRecord:
    fields = dict(zip(raw[::2], raw[1::2], strict=True))
    return SessionRecord(
        pid,
        fields[b"sid"].decode(),
        fields[b"user"].decode(),
        Position.parse(fields[b"connected_at"]),
        fields[b"connection"].decode(),
        _positions(fields, _ROOM),
        tuple(Replay(room, *map(Position.parse, at)) for room, *at in json.loads(fields.get(b"replays", b"[]"))),
        _positions(fields, _LEFT),
    )


def _positions(fields: Mapping[bytes, bytes], prefix: bytes) -> dict[str, Position]:
    """Room -> position, of the fields with this prefix."""
    return {name[2:].decode(): Position.parse(at) for name, at in fields.items() if name.startswith(prefix)}


def _dump(replays: tuple[Replay, ...]) -> str:
    return json.dumps([(r.room, str(r.after), str(r.upto), str(r.cut)) for r in replays]) if replays else ""
