"""Keeping this node's sessions in the pool and in the presence of their rooms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import orjson

from app.abreast import abreast
from app.session import Session
from registry.pool import SLICE, Pool
from registry.present import Announcement, Departure, Presence, Present

DOCUMENT_ROOM = "doc_note"
"""Kind of the rooms of documents."""


class Attendance:
    """What of the sessions here other nodes may see. All calls raise LogUnavailable and may be repeated.

    Rooms `user:` have no presence of their own: the pool knows each user's sessions.
    """

    def __init__(self, pool: Pool, presence: Presence) -> None:
        self._pool = pool
        self._presence = presence

    async def entered(self, session: Session) -> None:
        """A session (re)connected, with the rooms that it is in."""
        await self._pool.enter(session.pooled)
        await abreast(self.joined(session, room) for room in session.feed.rooms)

    async def joined(self, session: Session, room: str) -> None:
        """A session is in a room. A chat is told who is present, also when nothing changed: the joiner asks so."""
        if _has_presence(room):
            await self._presence.enter(room, _present(session, room), announcement(room))

    async def left(self, session: Session, room: str) -> None:
        """A session is in a room no longer."""
        if _has_presence(room):
            await self._presence.leave(room, _present(session, room), announcement(room))

    async def gone(self, session: Session, rooms: Collection[str]) -> None:
        """A session's connection ended. Another connection of the same session is not touched."""
        await self._pool.leave(session.pooled)
        await abreast(self.left(session, room) for room in rooms)

    async def refresh(self, sessions: Sequence[Session], is_here: Callable[[Session], bool]) -> None:
        """Keep everything of these sessions alive. Those that end, or leave a room, meanwhile are not brought back."""
        for start in range(0, len(sessions), SLICE):
            await self._keep(sessions[start : start + SLICE], is_here)
        rooms: dict[str, list[Session]] = {}
        for session in sessions:
            for room in filter(_has_presence, session.feed.rooms):
                rooms.setdefault(room, []).append(session)
        for some in _slices(rooms):
            present = {room: [_present(session, room) for session in rooms[room]] for room in some}
            for room in await self._presence.keep_rooms(present):
                await self._keep_present(room, rooms[room])

    async def _keep(self, sessions: Sequence[Session], is_here: Callable[[Session], bool]) -> None:
        gone = await self._pool.keep([session.pooled for session in sessions])
        for session in sessions:
            if session.sid in gone and is_here(session):  # the log was away for longer than an entry lives
                await self._pool.enter_again(session.pooled)
                if not is_here(session):  # its leaving may have come before
                    await self._pool.leave(session.pooled)

    async def _keep_present(self, room: str, sessions: Sequence[Session]) -> None:
        gone = await self._presence.keep(room, [_present(session, room) for session in sessions], announcement(room))
        for session in sessions:
            if _present(session, room).member in gone and room in session.feed.rooms:
                await self.joined(session, room)
                if room not in session.feed.rooms:
                    await self.left(session, room)


def announcement(room: str) -> Announcement | Departure | None:
    """How a room is told who is present: chats by `chat:presence`, documents who left, others nothing."""
    kind, _, name = room.partition(":")
    if kind == DOCUMENT_ROOM:
        return Departure("ydoc:user:left", b'{"document_id":%s,' % orjson.dumps(f"note:{name}"), b"}")
    if kind != "chat":
        return None
    head = b'{"chat_id":%s,"data":{"type":"chat:presence","data":{"users":' % orjson.dumps(name)
    return Announcement("events", head, b"}}}")


def _present(session: Session, room: str) -> Present:
    """Who edits a document is shown by session: pages of Open WebUI choose among themselves who fills an empty one."""
    return session.editor if room.partition(":")[0] == DOCUMENT_ROOM else session.present


def _slices(rooms: Mapping[str, Sequence[Session]]) -> Iterator[list[str]]:
    """The rooms in parts of about SLICE members; a room of more is a part by itself."""
    some, members = list[str](), 0
    for room, sessions in rooms.items():
        if some and members + len(sessions) > SLICE:
            yield some
            some, members = [], 0
        some.append(room)
        members += len(sessions)
    if some:
        yield some


def _has_presence(room: str) -> bool:
    return not room.startswith("user:")
