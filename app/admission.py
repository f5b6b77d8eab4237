"""Letting clients in: a session that is resumed where its client stands, or a new one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import metrics
from app.access import Access
from app.auth import Identity
from app.presence import Attendance
from app.session import Session
from app.session_rooms import KEPT_REPLAYS, SessionRooms
from app.sessions import NodeSessions
from registry.moves import Moves
from registry.sessions import SessionRecord
from registry.sessions import Sessions as Records
from streams.entry import Position
from streams.replay import Reader


@dataclass(frozen=True, slots=True)
class Admission:
    """A session that was let in. reset: rooms to reload: all, when it could not be resumed; of one that was, those that
    it had to leave while it was away, whether it is in them again or not. None when nothing was lost."""

    session: Session
    reset: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client stands: its cut, and the rooms that stand elsewhere (`Feed.starts`, `Feed.had`)."""

    cut: Position
    starts: Mapping[str, Position]
    had: Mapping[str, tuple[Position, Position]]


class Admissions:
    """The four steps of DESIGN's "What resume checks": whose record, which rooms, does the log vouch, from where."""

    def __init__(
        self,
        sessions: NodeSessions,
        rooms: SessionRooms,
        records: Records,
        moves: Moves,
        attendance: Attendance,
        reader: Reader,
        access: Access,
    ) -> None:
        self._sessions = sessions
        self._rooms = rooms
        self._records = records
        self._moves = moves
        self._attendance = attendance
        self._reader = reader
        self._access = access

    async def admit(self, identity: Identity, socket: Any, auth: dict[str, Any]) -> Admission:
        """Let a client in: resume the session that it names, or begin a new one.

        The session is in its rooms but not live; call `start_feeding` when its CONNECT packet is on its way. Raises
        LogUnavailable.
        """
        admission = await self._admit(identity, socket, auth)
        await self._enter(admission.session)
        return admission

    async def lift(self, identity: Identity, socket: Any, sid: str) -> Session:
        """Begin a session for a client that was connected into no room, under the id that it has.

        Its CONNECT was answered without a `pid`: it gets no positions and is not resumed. Raises LogUnavailable.
        """
        session = await self._begin(identity, socket, pid="", sid=sid)
        await self._enter(session)
        return session

    async def _enter(self, session: Session) -> None:
        """Let other nodes know of a session."""
        try:
            await self._attendance.entered(session)
            await self._rooms.view(session, list(session.feed.rooms))
        except BaseException:
            self._sessions.forget(session)
            raise

    async def _admit(self, identity: Identity, socket: Any, auth: dict[str, Any]) -> Admission:
        if auth.get("resume") is False:
            return Admission(await self._begin(identity, socket, pid=""))
        pid = auth.get("pid")
        if not isinstance(pid, str) or not pid:
            return Admission(await self._begin(identity, socket, pid=secrets.token_urlsafe(18)))
        connection = f"{self._sessions.node}/{socket.sid}"
        record = await self._records.take_over(pid[:128], identity.user_id, connection)
        session = await self._resume(identity, socket, record, auth.get("offset")) if record else None
        if record and session is not None:
            metrics.RESUMES.labels("recovered").inc()
            return Admission(session, reset=_moved(record, session) or None)
        metrics.RESUMES.labels("not_recovered").inc()
        rooms = tuple(record.rooms) if record else (f"user:{identity.user_id}",)
        if record:
            await self._records.end(record.pid)
        session = await self._begin(identity, socket, pid=secrets.token_urlsafe(18))
        session.returned = True
        return Admission(session, reset=rooms)

    async def _begin(self, identity: Identity, socket: Any, pid: str, sid: str = "") -> Session:
        at = self._sessions.hub.position
        session = self._sessions.make(sid or secrets.token_urlsafe(15), pid, identity, socket, at)
        self._sessions.register(session, {f"user:{identity.user_id}": at})
        if pid:
            record = SessionRecord(pid, session.sid, identity.user_id, at, session.connection, dict(session.feed.rooms))
            try:
                await self._records.create(record)
            except BaseException:
                self._sessions.forget(session)
                raise
        return session

    async def _resume(self, identity: Identity, socket: Any, record: SessionRecord, offset: object) -> Session | None:
        """The session as it was, standing where its client stands; None when the log cannot vouch for the rest.

        It is on the books before its rooms are looked at: an order from then on meets it, those from before are noted.
        So each room is authorised once. It is sent nothing before it is welcomed.
        """
        position = _position(offset, record.connected_at)
        if position is None or not await self._is_past(position):
            return None
        session = self._sessions.make(record.sid, record.pid, identity, socket, position)
        session.replays = record.replays
        if record.connection:
            self._sessions.drop_predecessor(record.sid)
        self._sessions.register(session, record.rooms)
        try:
            resumed = await self._catch_up_with_orders(session, record) and await self._stand(session, record, position)
        except BaseException:
            self._sessions.forget(session)
            raise
        if not resumed:
            self._sessions.forget(session)
        return session if resumed else None

    async def _is_past(self, position: Position) -> bool:
        """Whether the log has come so far. What this node delivered is not asked for: if the log lost it since, it has
        begun anew behind it, and does not vouch for what follows."""
        return position <= self._sessions.hub.position or position <= await self._reader.position()

    async def _catch_up_with_orders(self, session: Session, record: SessionRecord) -> bool:
        """Put the session into the rooms that it is in now, and write them into its record. False: it was ended."""
        missed = await self._moves.missed(session.user_id, session.sid)
        if record.connected_at < missed.ended:
            return False
        rooms = missed.obeyed(record.rooms, record.left)
        forbidden = await self._access.unreadable(session.identity, rooms)
        async with session.lock:
            wanted = {room: at for room, at in rooms.items() if room not in forbidden}
            changed = {
                room: wanted.get(room) for room in record.rooms.keys() | wanted.keys() if room not in session.ordered
            }
            changed = {room: at for room, at in changed.items() if at != record.rooms.get(room)}
            for room, at in changed.items():
                self._sessions.hub.leave(session.feed, room)
                if at is not None:
                    self._sessions.hub.enter(session.feed, room, at)
            if changed:
                await self._records.change(record.pid, session.connection, changed)
        return True

    async def _stand(self, session: Session, record: SessionRecord, position: Position) -> bool:
        """Put the session where its client stands. False when that cannot be told, or something after it is gone."""
        feed = session.feed
        place = await self._place(record, feed.rooms, position)
        if place is None:
            return False
        feed.after = feed.cut = place.cut
        feed.starts, feed.had = dict(place.starts), dict(place.had)
        feed.spared = await self._access.own_chats(session.identity, list(feed.rooms))
        probe = {room: feed.start_of(room) for room in feed.rooms}
        return await self._sessions.hub.history.gap(probe, spared=feed.spared) is None

    async def _place(self, record: SessionRecord, rooms: Mapping[str, Position], position: Position) -> Place | None:
        """Where a client stands whose last position is `position`. None when that cannot be told.

        In the middle of a late replay (`join` with `after`) the other rooms stand at the cut of that time. A late
        replay of which nothing came through is owed in full.
        """
        starts: dict[str, Position] = {}
        had: dict[str, tuple[Position, Position]] = {}
        for late in reversed(record.replays):
            if position > late.cut:
                return Place(position, starts, had)
            if rooms.get(late.room) != late.after:
                continue
            if late.after < position <= late.upto and await self._reader.has(late.room, position):
                return Place(late.cut, starts | {late.room: position}, had | {late.room: (late.upto, late.cut)})
            starts[late.room] = late.after
            had[late.room] = (late.upto, max(late.upto, position))
        return Place(position, starts, had) if len(record.replays) < KEPT_REPLAYS else None


def _moved(record: SessionRecord, session: Session) -> tuple[str, ...]:
    """Rooms of which the session is not owed all that came since it went: it is out of them, or entered them anew."""
    return tuple(room for room, at in record.rooms.items() if session.feed.rooms.get(room) != at)


def _position(offset: object, connected_at: Position) -> Position | None:
    """The client's last position; where it connected, when it has seen none; None when it cannot be read."""
    if offset is None or offset == "":
        return connected_at
    if not isinstance(offset, str):
        return None
    try:
        return Position.parse(offset)
    except ValueError:
        return None
