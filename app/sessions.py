"""The sessions of this node: the books, their feeding, their rooms, and their end. `app.admission` lets them in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app import metrics
from app.access import Access
from app.auth import Identity
from app.hub import HistoryGone, Hub
from app.packets import Framer
from app.presence import Attendance
from app.session import Session
from app.sink import Marks
from registry.members import Members
from registry.sessions import Replay
from registry.sessions import Sessions as Records
from streams.bus import Signal
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


@dataclass(frozen=True, slots=True)
class Limits:
    """rooms: how many one session may be in. marks: when a socket has enough. binary: see `Framer`."""

    rooms: int
    marks: Marks
    binary: bool = True


class NodeSessions:
    """Sessions by id, and everything that changes them.

    spawn: runs a coroutine in the node's task group. cut_off: closes a session's transport, so that its client comes
    back and resumes.
    """

    def __init__(
        self,
        node: str,
        hub: Hub,
        records: Records,
        members: Members,
        attendance: Attendance,
        reader: Reader,
        access: Access,
        limits: Limits,
        spawn: Callable[[Any], asyncio.Task[None]],
    ) -> None:
        self.node = node
        self.hub = hub
        self._records = records
        self._members = members
        self._attendance = attendance
        self._reader = reader
        self._access = access
        self._limits = limits
        self._spawn = spawn
        self._framer = Framer(limits.binary)
        self.by_sid: dict[str, Session] = {}
        self.by_user: dict[str, set[Session]] = {}
        self._by_feed: dict[Any, Session] = {}

    # the books

    def make(self, sid: str, pid: str, identity: Identity, socket: Any, cut: Position) -> Session:
        """A session of this node that is on no book yet."""
        return Session(sid, pid, identity, self.node, socket, self._framer, cut, self._limits.marks)

    def register(self, session: Session, rooms: dict[str, Position]) -> None:
        """Put a session on the books and into its rooms. It is not live; `start_feeding` makes it so."""
        self.by_sid[session.sid] = session
        self.by_user.setdefault(session.user_id, set()).add(session)
        self._by_feed[session.feed] = session
        session.feed.on_behind = lambda: self.start_feeding(session)
        for room, at in rooms.items():
            self.hub.enter(session.feed, room, at)
        metrics.CONNECTIONS.set(len(self.by_sid))

    def drop_predecessor(self, sid: str) -> None:
        """The same session's older connection on this node, half open maybe: out before the new one comes in.

        On another node it ends by its ping; until then it only writes to a dead link.
        """
        older = self.by_sid.get(sid)
        if older is not None:
            self.forget(older)
            self.cut_off(older)

    # feeding

    def start_feeding(self, session: Session) -> None:
        """Bring a session to the tail, in the background, if nothing does so already and it was welcomed."""
        if session.welcomed and session.feeding is None:
            session.feeding = self._spawn(self._feed(session))

    async def _feed(self, session: Session) -> None:
        try:
            await self.hub.catch_up(session.feed)
        except (HistoryGone, LogUnavailable, ConnectionError) as fault:
            log.info("session %(session)s is cut off, to resume: %(fault)s", {"session": session.sid, "fault": fault})
            self.cut_off(session)
        finally:
            session.feeding = None

    def cut_off(self, session: Session) -> None:
        """Close the transport without a word; the client reconnects and resumes from what it has."""
        session.feed.live = False
        session.feed.closed = True
        self._spawn(_close(session))

    def measure(self) -> None:
        """Set the gauges of what all sessions together wait for."""
        feeds = [session.feed for session in self.by_sid.values()]
        waiting = [session.waiting for session in self.by_sid.values()]
        metrics.SLOW_NOW.set(sum(feed.slow for feed in feeds))
        metrics.SEND_WAITING.labels("queue").set(sum(queued for queued, _written in waiting))
        metrics.SEND_WAITING.labels("buffer").set(sum(written for _queued, written in waiting))

    # rooms

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
            known, cut = feed.rooms.get(room), max(self.hub.position, feed.after)
            if known is None and len(feed.rooms) >= self._limits.rooms:
                raise TooManyRooms(f"a session may be in {self._limits.rooms} rooms")
            since = newest if after is None else min(after, newest)
            if known is not None and since >= known:
                await self._attendance.joined(session, room)
                return known
            if since < cut:
                self._hand_out_late(session, Replay(room, since, known or cut, cut))
            self.hub.enter(feed, room, since)
            await self._note_join(session, room, since)
            await self._confirm(session, room)
            if since < cut:
                self.start_feeding(session)
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
            self.hub.leave(session.feed, room)
            if not session.feed.live:
                self.start_feeding(session)
            raise

    async def _confirm(self, session: Session, room: str) -> None:
        """Access may have been taken away while the session came in, and the order to leave obeyed before it had."""
        allowed = False
        try:
            allowed = await self._access.may_read(session.identity, room)
        finally:
            if not allowed:
                self.hub.leave(session.feed, room)
                if not session.feed.live:
                    self.start_feeding(session)
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
                self.hub.leave(session.feed, room)
            for room in forbidden:
                await self.left(session, room)
        except LogUnavailable as fault:
            log.warning("session %s is cut off, to be authorised anew: %s", session.sid, fault)
            self.cut_off(session)
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
        self.hub.leave(session.feed, room)
        if session.pid:
            await self._records.leave(session.pooled, session.pid, room, self.hub.position)
        session.viewed -= {room}
        if room.startswith("chat:"):
            await self._members.leave(room, session.sid)
        await self._attendance.left(session, room)

    # the end

    def forget(self, session: Session) -> None:
        """Take a session off this node's books: it gets nothing more. Its record stays as it is."""
        self.hub.remove(session.feed)
        self._by_feed.pop(session.feed, None)
        if self.by_sid.get(session.sid) is session:
            del self.by_sid[session.sid]
        mates = self.by_user.get(session.user_id, set())
        mates.discard(session)
        if not mates:
            self.by_user.pop(session.user_id, None)
        metrics.CONNECTIONS.set(len(self.by_sid))

    async def gone(self, session: Session, for_good: bool) -> None:
        """The client's link ended. for_good: it said goodbye, or was told to; it cannot come back.

        Nothing happens when the session is off the books: a newer connection holds it, or this node has stopped.
        """
        if not for_good and not self._is_here(session):
            return
        rooms = list(session.feed.rooms)
        self.forget(session)
        try:
            await self._attendance.gone(session, rooms)
            if session.pid and not for_good:  # it may resume: copies are appended for it meanwhile
                await self._members.refresh(_viewed([session]))
            else:
                await self._members.leave_all(_viewed([session]))
            if session.pid and for_good:
                await self._records.end(session.pid)
            elif session.pid:
                await self._records.away(session.pid, session.connection)
        except LogUnavailable as fault:
            log.warning("the record of session %s was not updated; it expires by itself: %s", session.sid, fault)

    async def refresh(self) -> None:
        """Keep the records and memberships of connected sessions alive. Raises LogUnavailable."""
        sessions = list(self.by_sid.values())
        await self._records.refresh([(s.pid, s.connection) for s in sessions if s.pid])
        await self._attendance.refresh(sessions, self._is_here)
        await self._members.refresh(_viewed(filter(self._is_here, sessions)))

    def _is_here(self, session: Session) -> bool:
        return self.by_sid.get(session.sid) is session

    async def view(self, session: Session, rooms: list[str]) -> None:
        """Count a session as a viewer where it is in another user's chat."""
        viewed = [room for room in rooms if await self._access.is_viewer(session.identity, room)]
        session.viewed |= frozenset(viewed)
        await self._members.refresh([(room, session.sid) for room in viewed])

    def members(self, room: str) -> list[Session]:
        """The sessions of this node that are in a room."""
        return [self._by_feed[feed] for feed in self.hub.members(room) if feed in self._by_feed]

    def signal(self, signal: Signal) -> None:
        """Hand an ephemeral event to those members of its room, or to that session, that are here."""
        one = self.by_sid.get(signal.room)
        sessions = [one] if one else self.members(signal.room)
        for session in sessions:
            if signal.skip not in (session.sid, session.feed.user):
                session.send(signal.event, signal.data, signal.binary)

    def reset_all(self, position: Position) -> None:
        """Tell every session to reload its rooms: the log lost what may not have been delivered."""
        for session in self.by_sid.values():
            session.send("room:reset", reset_payload(session.feed.rooms, position))

    def with_identity(self, session: Session, identity: Identity) -> None:
        """The client showed a newer token of the same user."""
        session.identity = replace(identity)


def _viewed(sessions: Iterable[Session]) -> list[tuple[str, str]]:
    return [(room, session.sid) for session in sessions for room in session.viewed]


def reset_payload(rooms: Any, position: Position) -> bytes:
    return orjson.dumps({"rooms": list(rooms), "position": str(position)})


async def _close(session: Session) -> None:
    await session.socket.close(wait=False, abort=True, reason="forced close")
    await session.socket.queue.put(None)
