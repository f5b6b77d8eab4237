"""Which rooms a session of this node is in: it joins and leaves them, by itself or by an order."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from app.access import Access
from app.auth import Identity
from app.presence import Attendance
from app.session import Session
from app.sessions import NodeSessions
from registry.members import Members
from registry.sessions import Replay, Sessions
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.replay import Reader

log = logging.getLogger("roomlog.sessions")

KEPT_REPLAYS = 200
"""Late replays of a session that its record keeps. A client that is behind all of them is not recovered."""


class TooManyRooms(Exception):
    """The session is in as many rooms as one may be."""


class Refused(Exception):
    """The user may not enter the room, or there is no such room."""


class SessionRooms:
    """A session's feed, its record and what other nodes know of it, changed together.

    most: rooms that one session may be in.
    """

    def __init__(
        self,
        sessions: NodeSessions,
        records: Sessions,
        members: Members,
        attendance: Attendance,
        reader: Reader,
        access: Access,
        most: int,
    ) -> None:
        self._sessions = sessions
        self._hub = sessions.hub
        self._records = records
        self._members = members
        self._attendance = attendance
        self._reader = reader
        self._access = access
        self._most = most

    async def join(self, session: Session, room: str, after: Position | None = None) -> Position:
        """Put a session into a room that its user may read; what came after `after` is handed out first.

        Returns the position after which the room's events are delivered. When it returns, the record has it, unless
        it is one of `session.rejoined`. Raises Refused, TooManyRooms, LogUnavailable.
        """
        if not await self._access.may_read(session.identity, room):
            raise Refused(f"there is no room {room[:100]} for you")
        await self.expect(session.identity, room)
        if await self._access.is_own_chat(session.identity, room):
            session.feed.spared |= {room}
        newest = await self._reader.position()
        async with session.lock:
            while session.feeding is not None:
                await asyncio.shield(session.feeding)
            feed = session.feed
            known, cut = feed.rooms.get(room), max(self._hub.position, feed.after)
            if known is None and len(feed.rooms) >= self._most:
                raise TooManyRooms(f"a session may be in {self._most} rooms")
            since = newest if after is None else min(after, newest)
            if known is not None and since >= known:
                await self._attendance.joined(session, room)
                return known
            if since < cut:
                self._hand_out_late(session, Replay(room, since, known or cut, cut))
            self._hub.enter(feed, room, since)
            await self._note_join(session, room, since)
            await self._confirm(session, room)
            if since < cut:
                self._sessions.start_feeding(session)
        if since < cut and session.feeding is not None:
            await asyncio.shield(session.feeding)
        return since

    async def expect(self, identity: Identity, room: str) -> None:
        """Have a chat's events appended for its viewers from now on: this user looks at it, and may join it after the
        position of what it sees. Raises LogUnavailable."""
        if await self._access.is_viewer(identity, room):
            await self._members.enter(room, f"reader:{identity.user_id}")

    def _hand_out_late(self, session: Session, replay: Replay) -> None:
        """Take a live session's feed out of live mode, to hand out a room's history before it goes on."""
        feed = session.feed
        feed.live, feed.cut = False, replay.cut
        feed.starts[replay.room] = replay.after
        feed.had[replay.room] = (replay.upto, replay.cut)
        session.replays = (*session.replays, replay)[-KEPT_REPLAYS:]

    async def note(self, session: Session, room: str, since: Position) -> None:
        """Write a membership that an order made into the session's record. Raises LogUnavailable."""
        async with session.lock:
            if room in session.feed.rooms:
                await self._note_join(session, room, since)

    async def _note_join(self, session: Session, room: str, since: Position) -> None:
        try:
            if session.pid and room not in session.rejoined:
                await self._records.join(session.pid, session.connection, room, since, session.replays)
            await self.view(session, [room])
            await self._attendance.joined(session, room)
        except BaseException:
            self._hub.leave(session.feed, room)
            if not session.feed.live:
                self._sessions.start_feeding(session)
            raise

    async def _confirm(self, session: Session, room: str) -> None:
        """Access may have been taken away while the session came in, and the order to leave obeyed before it had."""
        allowed = False
        try:
            allowed = await self._access.may_read(session.identity, room)
        finally:
            if not allowed:
                self._hub.leave(session.feed, room)
                if not session.feed.live:
                    self._sessions.start_feeding(session)
        if not allowed:
            await self._leave(session, room)
            raise Refused(f"there is no room {room[:100]} for you")

    async def change_role(self, session: Session, role: str) -> set[str]:
        """Let a session go by another role, at once; when this returns it is in no room that its user may not read.

        Returns those rooms. Where that cannot be told it is cut off: it resumes, and is authorised then.
        """
        session.identity = replace(session.identity, role=role)
        try:
            forbidden = await self._access.unreadable(session.identity, session.feed.rooms)
            for room in forbidden:
                self._hub.leave(session.feed, room)
            for room in forbidden:
                await self.left(session, room)
        except LogUnavailable as fault:
            log.warning("session %s is cut off, to be authorised anew: %s", session.sid, fault)
            self._sessions.cut_off(session)
            return set()
        return forbidden

    async def leave(self, session: Session, room: str) -> None:
        """Take a session out of a room, at once here, and in its record when it returns. Raises LogUnavailable."""
        async with session.lock:
            await self._leave(session, room)

    async def left(self, session: Session, room: str) -> None:
        """Write into the session's record that an order took it out of a room, unless it is in it again."""
        async with session.lock:
            if room not in session.feed.rooms:
                await self._leave(session, room)

    async def _leave(self, session: Session, room: str) -> None:
        self._hub.leave(session.feed, room)
        if session.pid:
            await self._records.leave(session.pooled, session.pid, room, self._hub.position)
        session.viewed -= {room}
        if room.startswith("chat:"):
            await self._members.leave(room, session.sid)
        await self._attendance.left(session, room)

    async def view(self, session: Session, rooms: list[str]) -> None:
        """Count a session as a viewer where it is in another user's chat."""
        viewed = [room for room in rooms if await self._access.is_viewer(session.identity, room)]
        session.viewed |= frozenset(viewed)
        await self._members.refresh([(room, session.sid) for room in viewed])
