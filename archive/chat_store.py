"""The one statement that moves rooms by compare-and-set and patches the chats and messages of those that it moved.

One round trip, and a transaction by itself. Its one parameter is JSON that names everything once, and leaves out what
follows from the rest: most commits hold a few tokens for each of many rooms, and then names are most of what is sent.

[rooms, chats, messages]
    room     [room, before ms, before seq, ms later, seq]
    chat     [number of its room, id, put, first_s, last_s]        seconds: null for that of the room's new position
    message  [number of its chat, id, add, put, at]                at: null for the chat's first_s
Numbers count from 1; nulls at the end are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from psycopg import AsyncConnection

from archive.chat import NEW_TITLE
from archive.columns import default, patched
from archive.fold import USER_ROOM
from archive.patches import MESSAGE_FIELDS, ChatPatch, MessagePatch
from archive.room_fold import RoomFold

# Rows are locked in the order of their names, so that two commits cannot wait for each other. Whoever waited here for
# a commit that moved the room is not `ours`: what follows never sees rows older than the room's position.
_ROOMS = """
    WITH input AS MATERIALIZED (SELECT %s::text::jsonb AS j
    ), r AS MATERIALIZED (
        SELECT n, v->>0 AS room, (v->1)::bigint AS before_ms, (v->2)::bigint AS before_seq,
               (v->1)::bigint + (v->3)::bigint AS ms, (v->4)::bigint AS seq
        FROM input, jsonb_array_elements(j->0) WITH ORDINALITY AS a(v, n)
    ), locked AS MATERIALIZED (
        SELECT rooms.room FROM rooms JOIN r USING (room)
        WHERE (rooms.ms, rooms.seq) = (r.before_ms, r.before_seq)
        ORDER BY rooms.room FOR UPDATE OF rooms
    ), moved AS (
        UPDATE rooms SET ms = r.ms, seq = r.seq FROM r JOIN locked USING (room) WHERE rooms.room = r.room
        RETURNING rooms.room
    ), born AS (
        INSERT INTO rooms (room, ms, seq)
        SELECT room, ms, seq FROM r WHERE (before_ms, before_seq) = (0, 0) ORDER BY room
        ON CONFLICT (room) DO NOTHING RETURNING room
    ), ours AS MATERIALIZED (
        SELECT r.* FROM r JOIN (SELECT room FROM moved UNION ALL SELECT room FROM born) b USING (room)
    )"""

_CHATS = f""", c AS MATERIALIZED (
        SELECT a.n, ours.n AS room_n, v->>1 AS id, substr(ours.room, {len(USER_ROOM) + 1}) AS user_id,
               nullif(v->2, 'null') AS put, (v->2->>'deleted')::boolean AS gone,
               coalesce((v->>3)::bigint, ours.ms / 1000) AS first_s, coalesce((v->>4)::bigint, ours.ms / 1000) AS last_s
        FROM input, jsonb_array_elements(j->1) WITH ORDINALITY AS a(v, n) JOIN ours ON ours.n = (v->0)::bigint
    ), changed AS (
        UPDATE chats SET
            title = CASE WHEN deleted OR c.gone THEN '' ELSE coalesce(c.put->>'title', title) END,
            tags = CASE WHEN deleted OR c.gone THEN '[]' ELSE coalesce(c.put->'tags', tags) END,
            current_id = CASE WHEN deleted OR c.gone THEN NULL ELSE coalesce(c.put->>'current_id', current_id) END,
            created_at = CASE WHEN deleted OR c.gone THEN 0
                ELSE coalesce((c.put->>'created_at')::bigint, created_at) END,
            updated_at = greatest(c.last_s, updated_at),
            deleted = deleted OR coalesce(c.gone, false)
        FROM c WHERE chats.id = c.id AND chats.user_id = c.user_id
        RETURNING chats.id, chats.user_id, chats.deleted
    ), made AS (
        INSERT INTO chats (id, user_id, title, tags, current_id, created_at, updated_at, deleted)
        SELECT c.id, c.user_id, CASE WHEN c.gone THEN '' ELSE coalesce(c.put->>'title', '{NEW_TITLE}') END,
               CASE WHEN c.gone THEN '[]' ELSE coalesce(c.put->'tags', '[]') END,
               CASE WHEN c.gone THEN NULL ELSE c.put->>'current_id' END,
               CASE WHEN c.gone THEN 0 ELSE coalesce((c.put->>'created_at')::bigint, c.first_s) END,
               c.last_s, coalesce(c.gone, false)
        FROM c WHERE NOT EXISTS (SELECT FROM chats WHERE chats.id = c.id) ORDER BY c.id, c.n
        ON CONFLICT (id) DO NOTHING RETURNING id, user_id, deleted
    ), accepted AS MATERIALIZED (
        SELECT c.n, c.id, c.first_s, stored.deleted
        FROM c JOIN (SELECT * FROM changed UNION ALL SELECT * FROM made) stored USING (id, user_id)
    ), buried AS (
        DELETE FROM messages USING accepted WHERE messages.chat_id = accepted.id AND accepted.deleted
    )"""

_MESSAGES = """, p AS MATERIALIZED (
        SELECT a.n, accepted.id AS chat_id, v->>1 AS id, v->2 AS add, v->3 AS put,
               coalesce((v->>4)::bigint, accepted.first_s) AS at
        FROM input, jsonb_array_elements(j->2) WITH ORDINALITY AS a(v, n) JOIN accepted ON accepted.n = (v->0)::bigint
        WHERE NOT accepted.deleted
    ), grown AS (
        UPDATE messages m SET {set} FROM p WHERE m.chat_id = p.chat_id AND m.id = p.id
    ), added AS (
        INSERT INTO messages (chat_id, id, {names})
        SELECT p.chat_id, p.id, {values} FROM p
        WHERE NOT EXISTS (SELECT FROM messages m WHERE m.chat_id = p.chat_id AND m.id = p.id) ORDER BY p.n
    )"""

# What did not happen: usually no row at all.
_STOOD_ELSEWHERE = "SELECT r.n AS room, NULL::bigint AS chat FROM r WHERE NOT EXISTS (SELECT FROM ours WHERE n = r.n)"
_REFUSED = " UNION ALL SELECT c.room_n, c.n FROM c WHERE NOT EXISTS (SELECT FROM accepted WHERE n = c.n)"


@cache
def statement(chats: bool, columns: tuple[str, ...]) -> bytes:
    """chats: whether there are any. columns: those of messages that change; none when there are no messages.

    Callers keep to a few sets of columns: every one is a statement that the server keeps.
    """
    messages = ""
    if columns:
        messages = _MESSAGES.format(
            set=", ".join(f"{name} = {patched(name, f'm.{name}')}" for name in columns),
            names=", ".join(MESSAGE_FIELDS),
            values=", ".join(
                patched(name, default(name)) if name in columns else default(name) for name in MESSAGE_FIELDS
            ),
        )
    return (_ROOMS + _CHATS * chats + messages + "\n    " + _STOOD_ELSEWHERE + _REFUSED * chats).encode()


def _first(name: str, changes: bool) -> str:
    """The column of a message that is new."""
    return patched(name, default(name)) if changes else default(name)


@dataclass(slots=True)
class Batch:
    """The parameter, as it is put together, and what numbers in the answer mean. columns: of messages that change."""

    rooms: list[list[Any]] = field(default_factory=list)
    chats: list[list[Any]] = field(default_factory=list)
    messages: list[list[Any]] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)

    def add(self, fold: RoomFold) -> None:
        """Take up a room with all of its chats."""
        before, after = fold.before, fold.after
        self.rooms.append([fold.room, before.ms, before.seq, after.ms - before.ms, after.seq])
        for chat_id, patch in fold.changes.chats.items():
            self._add_chat(chat_id, patch, after.ms // 1000)

    def _add_chat(self, chat_id: str, patch: ChatPatch, now_s: int) -> None:
        seconds = [None if at_s == now_s else at_s for at_s in (patch.first_s, patch.last_s)]
        self.chats.append(_short([len(self.rooms), chat_id, patch.put or None, *seconds]))
        for message_id, message in patch.messages.items():
            self._add_message(message_id, message, patch.first_s)

    def _add_message(self, message_id: str, message: MessagePatch, first_s: int) -> None:
        ops = message.ops
        at_s = None if message.first_s == first_s else message.first_s
        self.messages.append(_short([len(self.chats), message_id, ops.add or None, ops.put or None, at_s]))
        self.columns.update(ops.add, ops.put)

    def parameter(self) -> str:
        return orjson.dumps([self.rooms, self.chats, self.messages]).decode()

    def statement(self) -> bytes:
        """Deltas alone have a statement of their own, which touches the text and no other column."""
        if not self.messages:
            return statement(bool(self.chats), ())
        return statement(True, ("content",) if self.columns == {"content"} else tuple(MESSAGE_FIELDS))


@dataclass(frozen=True, slots=True)
class Missed:
    """What was not stored. rooms: that stood elsewhere. chats: (room, id) of those that have another owner."""

    rooms: frozenset[str]
    chats: tuple[tuple[str, str], ...]


async def store(connection: AsyncConnection[Any], folds: Iterable[RoomFold]) -> Missed:
    """Move these rooms and patch their chats. Raises psycopg.Error, and then nothing is stored."""
    batch = Batch()
    for fold in folds:
        batch.add(fold)
    rows: Sequence[tuple[int, int | None]] = await (
        await connection.execute(batch.statement(), [batch.parameter()])
    ).fetchall()
    refused = sorted(chat for _, chat in rows if chat is not None)
    return Missed(
        frozenset(batch.rooms[room - 1][0] for room, chat in rows if chat is None),
        tuple((batch.rooms[batch.chats[n - 1][0] - 1][0], batch.chats[n - 1][1]) for n in refused),
    )


def _short(row: list[Any]) -> list[Any]:
    while row[-1] is None:
        row.pop()
    return row
