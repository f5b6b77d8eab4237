"""Orders to all nodes: durable entries of a room that only nodes read, obeyed in the log's order.

Because they stand in the same order as the events, an order takes effect between the same two events on every node.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson

from app.follow import Followers
from app.session import Session
from app.session_rooms import SessionRooms
from app.sessions import NodeSessions
from app.tasks import Tasks
from registry.moves import Moves, one_session, sessions_of
from registry.nodes import Nodes
from streams.append import Appender, NewEntry
from streams.entry import Entry, Position
from streams.errors import LogUnavailable
from streams.keys import CONTROL_ROOM
from streams.replay import Reader

log = logging.getLogger("roomlog.orders")


class Orders:
    """Gives orders, and obeys those of the log.

    disconnect: ends a session of this node with a server disconnect. spawn: runs a coroutine in the node's tasks.
    """

    def __init__(
        self,
        appender: Appender,
        reader: Reader,
        nodes: Nodes,
        moves: Moves,
        disconnect: Callable[[Session], None],
        spawn: Callable[[Any], Any],
    ) -> None:
        self._appender = appender
        self._reader = reader
        self._nodes = nodes
        self._moves = moves
        self._disconnect = disconnect
        self._spawn = spawn
        self.sessions: NodeSessions | None = None
        self.rooms: SessionRooms | None = None
        self.tasks: Tasks | None = None
        self.followers = Followers()
        self.unfinished: list[Position] = []
        """Behind each of these an order is still being carried out: the node has not obeyed it yet."""
        self.finished: Callable[[], object] = lambda: None
        """Called when an order was carried out, or the last of one: whoever gave it waits to hear of it."""
        self.forget: Callable[[str], object] = lambda room: None
        """Called with a room that was closed."""
        self.taken_out: Callable[[Session, str, str], object] = lambda session, room, order: None
        """Called with a session, the room that an order took it out of, and the order's name."""

    async def leave_room(self, room: str, user_ids: Iterable[str]) -> None:
        """Take all sessions of the users out of a room. When it returns, no node delivers it to them any more, and
        those that are away do not come back into it."""
        names = sorted(user_ids)
        await self._take_out(self.to_leave(room, names), [sessions_of(name) for name in names], room)

    async def leaving(self, room: str, user_ids: Iterable[str]) -> None:
        """Before `to_leave` is appended: note it for those that are away, should this process not live to do `left`."""
        early = (await self._reader.position()).next
        await self._moves.out_of([sessions_of(user_id) for user_id in user_ids], room, early)

    def to_leave(self, room: str, user_ids: Iterable[str]) -> NewEntry:
        """The order that takes all sessions of the users out of a room, for who appends it beside something else."""
        return _entry({"do": "leave", "room": room, "users": sorted(user_ids)})

    async def close_room(self, room: str) -> None:
        """Take everybody out of a room, on every node, before it returns; nodes forget what they know of it."""
        await self._order({"do": "close", "room": room})

    async def left(self, room: str, user_ids: Iterable[str], position: Position) -> None:
        """After `to_leave` was appended, at a position: wait until it holds everywhere, also for those away."""
        await self._moves.out_of([sessions_of(user_id) for user_id in user_ids], room, position)
        await self.obeyed(position)

    async def enter_room(self, room: str, user_ids: Iterable[str]) -> None:
        """Put all sessions of the users into a room, on every node, before it returns; those that are away find
        themselves in it when they come back, if they may be there."""
        names = sorted(user_ids)
        await self._put_in({"do": "enter", "room": room, "users": names}, [sessions_of(name) for name in names], room)

    async def disconnect_user(self, user_id: str) -> None:
        """Disconnect all sessions of a user for good, on every node, before it returns; those that are away, too."""
        await self._end({"do": "disconnect", "users": [user_id]}, sessions_of(user_id))

    async def disconnect_token(self, jti: str) -> None:
        """Disconnect all sessions that came with a token for good, on every node, before it returns."""
        await self._order({"do": "disconnect", "tokens": [jti]})

    async def disconnect_session(self, sid: str) -> None:
        """Disconnect one session for good, on whichever node it is, or while it is away."""
        await self._end({"do": "disconnect", "sids": [sid]}, one_session(sid))

    async def cut_off_session(self, sid: str) -> None:
        """Close one session's link, on whichever node it is, before it returns: its client comes back and resumes."""
        await self._order({"do": "cut", "sids": [sid]})

    async def move_session(self, sid: str, room: str, into: bool) -> None:
        """Put one session into a room or take it out, on whichever node it is, or while it is away."""
        order = {"do": "enter" if into else "leave", "room": room, "sids": [sid]}
        if into:
            await self._put_in(order, [one_session(sid)], room)
        else:
            await self._take_out(_entry(order), [one_session(sid)], room)

    async def _put_in(self, order: dict[str, Any], whom: list[str], room: str) -> None:
        early = await self._reader.position()
        await self._noted(_entry(order), early, lambda at: self._moves.into(whom, room, at))

    async def _take_out(self, order: NewEntry, whom: list[str], room: str) -> None:
        early = (await self._reader.position()).next
        await self._noted(order, early, lambda at: self._moves.out_of(whom, room, at))

    async def _end(self, order: dict[str, Any], whom: str) -> None:
        early = (await self._reader.position()).next
        await self._noted(_entry(order), early, lambda at: self._moves.end([whom], at))

    async def _noted(self, order: NewEntry, early: Position, note: Callable[[Position], Awaitable[None]]) -> None:
        """Give an order that also concerns sessions that are away (`registry.moves` says why it is noted twice).

        early: at or below the position that the order will have.
        """
        await note(early)
        appended = await self._appender.append(order)
        await note(appended.position)
        await self.obeyed(appended.position)

    async def change_role(self, user_id: str, role: str) -> None:
        """Let all sessions of a user go by another role; when it returns, they are in no room, on any node, that only
        the old one opened."""
        await self._order({"do": "role", "users": [user_id], "role": role})

    async def stop_task(self, task_id: str) -> None:
        """Stop a task, on whichever node it runs. Does not wait for it: the task's record tells how it ended."""
        await self._appender.append(_entry({"do": "stop", "task": task_id}))

    async def _order(self, order: dict[str, Any]) -> None:
        """Raises LogUnavailable when the log, or a living node, does not answer in time."""
        appended = await self._appender.append(_entry(order))
        await self.obeyed(appended.position)

    async def obeyed(self, position: Position) -> None:
        """Wait until every living node has obeyed the orders up to a position. Raises LogUnavailable."""
        await self._nodes.passed(position)

    def obey(self, entry: Entry) -> None:
        """Carry out an order in this turn of the loop; its records follow in the background."""
        order = orjson.loads(entry.data)
        if order["do"] == "stop" and self.tasks is not None:
            self.tasks.obey(order["task"])
        self.followers.obey(order)
        if order["do"] == "close":
            self.forget(order["room"])
        assert self.sessions is not None
        for session in self._meant(order):
            if order["do"] == "disconnect":
                self._disconnect(session)
            elif order["do"] == "cut":
                self.sessions.cut_off(session)
            elif order["do"] in ("leave", "close"):
                self._leave(session, order["room"], order["do"])
            elif order["do"] == "enter":
                self._enter(session, order["room"], entry.position)
            elif order["do"] == "role":
                self._begin_role(session, order["role"], entry.position.previous)
        self.finished()

    def _begin_role(self, session: Session, role: str, before: Position) -> None:
        """before: up to where the node has obeyed, until this is done."""
        self.unfinished.append(before)
        self._spawn(self._change_role(session, role, before))

    async def _change_role(self, session: Session, role: str, before: Position) -> None:
        assert self.rooms is not None
        try:
            for room in await self.rooms.change_role(session, role):
                self.taken_out(session, room, "leave")
        finally:
            self.unfinished.remove(before)
        self.finished()

    def _meant(self, order: dict[str, Any]) -> list[Session]:
        assert self.sessions is not None
        sessions = [s for sid in order.get("sids", ()) if (s := self.sessions.by_sid.get(sid)) is not None]
        for user_id in order.get("users", ()):
            sessions += self.sessions.by_user.get(user_id, ())
        if order["do"] == "close":
            sessions += [s for s in self.sessions.by_sid.values() if order["room"] in s.feed.rooms]
        if tokens := order.get("tokens"):
            sessions += [s for s in self.sessions.by_sid.values() if s.identity.jti in tokens]
        return sessions

    def _leave(self, session: Session, room: str, order: str) -> None:
        assert self.sessions is not None
        assert self.rooms is not None
        session.note_order(room)
        if self.sessions.hub.leave(session.feed, room):
            self.taken_out(session, room, order)
        self._spawn(_logged(self.rooms.left(session, room)))

    def _enter(self, session: Session, room: str, position: Position) -> None:
        assert self.sessions is not None
        assert self.rooms is not None
        session.note_order(room)
        if room not in session.feed.rooms:
            self.sessions.hub.enter(session.feed, room, position)
        self._spawn(_logged(self.rooms.note(session, room, position)))


def _entry(order: dict[str, Any]) -> NewEntry:
    return NewEntry(CONTROL_ROOM, "order", orjson.dumps(order))


async def _logged(change: Any) -> None:
    try:
        await change
    except LogUnavailable as fault:
        log.error("a membership change is not in the session's record, resume will decide anew: %s", fault)
