"""The sessions of this node: admitting and resuming them, their rooms, and their end."""

from __future__ import annotations

import asyncio
import logging
import secrets
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
from registry.members import Members
from registry.sessions import Replay, SessionRecord
from registry.sessions import Sessions as Records
from streams.bus import Signal
from streams.entry import Position
from streams.errors import LogUnavailable
from streams.replay import Gap, Reader

log = logging.getLogger("roomlog.sessions")

KEPT_REPLAYS = 200
"""Late replays of a session that its record keeps. A client that is behind all of them is not recovered."""


class TooManyRooms(Exception):
    """The session is in as many rooms as one may be."""


class Refused(Exception):
    """The user may not enter the room, or there is no such room."""


@dataclass(frozen=True, slots=True)
class Limits:
    """rooms: how many one session may be in. queue: packets that may wait for one socket."""

    rooms: int
    queue: int


@dataclass(frozen=True, slots=True)
class Admission:
    """A session that was let in. reset: rooms to reload, when it could not be resumed; None when nothing was lost."""

    session: Session
    reset: tuple[str, ...] | None = None


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
        self._framer = Framer()
        self.by_sid: dict[str, Session] = {}
        self.by_user: dict[str, set[Session]] = {}
        self._by_feed: dict[Any, Session] = {}

    # admission

    async def admit(self, identity: Identity, socket: Any, auth: dict[str, Any]) -> Admission:
        """Let a client in: resume the session that it names, or begin a new one.

        The session is in its rooms but not live; call `start_feeding` when its CONNECT packet is on its way. Raises
        LogUnavailable.
        """
        admission = await self._admit(identity, socket, auth)
        try:
            await self._attendance.entered(admission.session)
            await self._view(admission.session, list(admission.session.feed.rooms))
        except BaseException:
            self.forget(admission.session)
            raise
        return admission

    async def _admit(self, identity: Identity, socket: Any, auth: dict[str, Any]) -> Admission:
        if auth.get("resume") is False:
            return Admission(await self._begin(identity, socket, pid=""))
        pid = auth.get("pid")
        if not isinstance(pid, str) or not pid:
            return Admission(await self._begin(identity, socket, pid=secrets.token_urlsafe(18)))
        connection = f"{self.node}/{socket.sid}"
        record = await self._records.take_over(pid[:128], identity.user_id, connection)
        session = await self._resume(identity, socket, record, auth.get("offset")) if record else None
        if session is not None:
            metrics.RESUMES.labels("recovered").inc()
            return Admission(session)
        metrics.RESUMES.labels("not_recovered").inc()
        rooms = tuple(record.rooms) if record else (f"user:{identity.user_id}",)
        if record:
            await self._records.end(record.pid)
        return Admission(await self._begin(identity, socket, pid=secrets.token_urlsafe(18)), reset=rooms)

    async def _begin(self, identity: Identity, socket: Any, pid: str) -> Session:
        at = self.hub.position
        session = self._session(secrets.token_urlsafe(15), pid, identity, socket, at)
        self._register(session, {f"user:{identity.user_id}": at})
        if pid:
            record = SessionRecord(pid, session.sid, identity.user_id, at, session.connection, dict(session.feed.rooms))
            try:
                await self._records.create(record)
            except BaseException:
                self.forget(session)
                raise
        return session

    async def _resume(self, identity: Identity, socket: Any, record: SessionRecord, offset: object) -> Session | None:
        """The session as it was, standing where its client stands; None when the log cannot vouch for the rest."""
        position = _position(offset, record.connected_at)
        if position is None or position > await self._reader.position():
            return None
        rooms = {room: at for room, at in record.rooms.items() if await self._access.may_read(identity, room)}
        place = await self._place(record, rooms, position)
        if place is None:
            return None
        cut, starts, had = place
        session = self._session(record.sid, record.pid, identity, socket, cut)
        session.replays = record.replays
        session.feed.starts, session.feed.had = starts, had
        probe = {room: max(at, session.feed.starts.get(room, cut)) for room, at in rooms.items()}
        session.feed.spared = {room for room in rooms if await self._access.is_own_chat(identity, room)}
        page = await self._reader.page(probe, max(probe.values(), default=cut), limit=1, spared=session.feed.spared)
        if isinstance(page, Gap):
            return None
        if record.connection:
            self._drop_predecessor(record)
        self._register(session, rooms)
        await self._leave_forbidden(session)
        return session

    async def _leave_forbidden(self, session: Session) -> None:
        """Access that was taken away while a session was on its way in: the order to leave may have been too early."""
        try:
            for room in list(session.feed.rooms):
                if not await self._access.may_read(session.identity, room):
                    self.hub.leave(session.feed, room)
        except BaseException:
            self.forget(session)
            raise

    async def _place(
        self, record: SessionRecord, rooms: dict[str, Position], position: Position
    ) -> tuple[Position, dict[str, Position], dict[str, tuple[Position, Position]]] | None:
        """Where a client stands whose last position is `position`: its cut, and the rooms that stand elsewhere
        (`Feed.starts`, `Feed.had`). None when that cannot be told.

        In the middle of a late replay (`join` with `after`) the other rooms stand at the cut of that time. A late
        replay of which nothing came through is owed in full.
        """
        starts: dict[str, Position] = {}
        had: dict[str, tuple[Position, Position]] = {}
        for late in reversed(record.replays):
            if position > late.cut:
                return position, starts, had
            if rooms.get(late.room) != late.after:
                continue
            if late.after < position <= late.upto and await self._reader.has(late.room, position):
                return late.cut, starts | {late.room: position}, had | {late.room: (late.upto, late.cut)}
            starts[late.room] = late.after
            had[late.room] = (late.upto, max(late.upto, position))
        return (position, starts, had) if len(record.replays) < KEPT_REPLAYS else None

    def _session(self, sid: str, pid: str, identity: Identity, socket: Any, cut: Position) -> Session:
        return Session(sid, pid, identity, self.node, socket, self._framer, cut, self._limits.queue)

    def _register(self, session: Session, rooms: dict[str, Position]) -> None:
        self.by_sid[session.sid] = session
        self.by_user.setdefault(session.user_id, set()).add(session)
        self._by_feed[session.feed] = session
        session.feed.on_behind = lambda: self.start_feeding(session)
        for room, at in rooms.items():
            self.hub.enter(session.feed, room, at)
        metrics.CONNECTIONS.set(len(self.by_sid))

    def _drop_predecessor(self, record: SessionRecord) -> None:
        """The same session's older connection on this node, half open maybe: out before the new one comes in.

        On another node it ends by its ping; until then it only writes to a dead link.
        """
        older = self.by_sid.get(record.sid)
        if older is not None:
            self.forget(older)
            self.cut_off(older)

    # feeding

    def start_feeding(self, session: Session) -> None:
        """Bring a session to the tail, in the background, if nothing does so already."""
        if session.feeding is None or session.feeding.done():
            session.feeding = self._spawn(self._feed(session))

    async def _feed(self, session: Session) -> None:
        try:
            await self.hub.catch_up(session.feed)
        except (HistoryGone, LogUnavailable, ConnectionError) as fault:
            log.info("session %s is cut off, to resume: %s", session.sid, fault)
            self.cut_off(session)

    def cut_off(self, session: Session) -> None:
        """Close the transport without a word; the client reconnects and resumes from what it has."""
        session.feed.live = False
        session.feed.closed = True
        self._spawn(_close(session))

    # rooms

    async def join(self, session: Session, room: str, after: Position | None = None) -> Position:
        """Put a session into a room that its user may read; what came after `after` is handed out first.

        Returns the position after which the room's events are delivered. When it returns, the record has it. Raises
        Refused, TooManyRooms, LogUnavailable.
        """
        if not await self._access.may_read(session.identity, room):
            raise Refused(f"there is no room {room[:100]} for you")
        await self.expect(session.identity, room)
        if await self._access.is_own_chat(session.identity, room):
            session.feed.spared.add(room)
        newest = await self._reader.position()
        async with session.lock:
            while session.feeding is not None and not session.feeding.done():
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
            if session.pid:
                await self._records.join(session.pid, session.connection, room, since, session.replays)
            await self._view(session, [room])
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
            await self._records.leave(session.pid, session.connection, room)
        session.viewed.discard(room)
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
        if not for_good and self.by_sid.get(session.sid) is not session:
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
        await self._attendance.refresh(sessions)
        await self._members.refresh(_viewed(sessions))

    async def _view(self, session: Session, rooms: list[str]) -> None:
        """Count a session as a viewer where it is in another user's chat."""
        viewed = [room for room in rooms if await self._access.is_viewer(session.identity, room)]
        session.viewed.update(viewed)
        await self._members.refresh([(room, session.sid) for room in viewed])

    def signal(self, signal: Signal) -> None:
        """Hand an ephemeral event to those members of its room, or to that session, that are here."""
        one = self.by_sid.get(signal.room)
        sessions = [one] if one else [self._by_feed[f] for f in self.hub.members(signal.room) if f in self._by_feed]
        for session in sessions:
            if signal.skip not in (session.sid, session.feed.user):
                session.send(signal.event, signal.data)

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


async def _close(session: Session) -> None:
    await session.socket.close(wait=False, abort=True, reason="forced close")
    await session.socket.queue.put(None)
