"""The sessions of this node: the books, their feeding, and their end. `app.admission` lets them in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app import metrics
from app.auth import Identity
from app.hub import HistoryGone, Hub
from app.packets import Framer
from app.presence import Attendance
from app.session import Session
from app.sink import Marks
from registry.members import Members
from registry.sessions import Sessions as Records
from streams.bus import Signal
from streams.entry import Position
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.sessions")


@dataclass(frozen=True, slots=True)
class Limits:
    """marks: when a socket has enough. binary: see `Framer`."""

    marks: Marks
    binary: bool = True


class NodeSessions:
    """Sessions by id and by user. Which rooms they are in changes by `app.session_rooms`.

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
        limits: Limits,
        spawn: Callable[[Any], asyncio.Task[None]],
    ) -> None:
        self.node = node
        self.hub = hub
        self._records = records
        self._members = members
        self._attendance = attendance
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
