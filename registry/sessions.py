"""Session records: what is needed to bring a session back on any node.

A record is a hash with a time to live. Its connected node refreshes that; when the node dies or the socket drops, the
record outlives them by the session TTL, within which the client may resume.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from streams.entry import Position
from streams.keys import Keys
from streams.link import Client, retrying

_ROOM = b"r:"


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
    """

    pid: str
    sid: str
    user_id: str
    connected_at: Position
    connection: str
    rooms: dict[str, Position]
    replays: tuple[Replay, ...] = ()


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


class Sessions:
    """The records. All calls may be repeated; they raise LogUnavailable when Redis does not answer."""

    def __init__(self, keys: Keys, client: Client, ttl_s: int) -> None:
        self._keys = keys
        self._client = client
        self._ttl_s = ttl_s
        self._take_over = client.register_script(_TAKE_OVER)
        self._if_mine = client.register_script(_IF_MINE)

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

        None when there is no such record, it is another user's, or the user's sessions were ended since it began.
        """
        ended = await retrying(lambda: self._client.get(self._keys.ended(user_id)))
        raw = await retrying(
            lambda: self._take_over(keys=[self._keys.session(pid)], args=[user_id, connection, self._ttl_s])
        )
        record = _record(pid, raw) if raw else None
        return None if record and ended and record.connected_at < Position.parse(ended) else record

    async def join(self, pid: str, connection: str, room: str, at: Position, replays: tuple[Replay, ...]) -> bool:
        """Note that the session is in a room from a position on. False when another connection took the session."""
        return await self._set(pid, connection, {f"r:{room}": str(at), "replays": _dump(replays)})

    async def leave(self, pid: str, connection: str, room: str) -> bool:
        """Note that the session left a room. False when another connection took the session."""
        return await self._set(pid, connection, {f"r:{room}": ""})

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

    async def end_all(self, user_id: str, position: Position) -> None:
        """No session of the user that began before this position comes back."""
        await retrying(lambda: self._client.set(self._keys.ended(user_id), str(position), ex=self._ttl_s))

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
    rooms = {name[2:].decode(): Position.parse(at) for name, at in fields.items() if name.startswith(_ROOM)}
    return SessionRecord(
        pid,
        fields[b"sid"].decode(),
        fields[b"user"].decode(),
        Position.parse(fields[b"connected_at"]),
        fields[b"connection"].decode(),
        rooms,
        tuple(Replay(room, *map(Position.parse, at)) for room, *at in json.loads(fields.get(b"replays", b"[]"))),
    )


def _dump(replays: tuple[Replay, ...]) -> str:
    return json.dumps([(r.room, str(r.after), str(r.upto), str(r.cut)) for r in replays]) if replays else ""
