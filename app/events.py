"""What clients may say: the handlers of client -> server events."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from app import metrics
from app.auth import BadToken
from app.channel_socket import ChannelSocket
from app.chat_socket import ChatSocket
from app.chats import ChatBusy
from app.direct_lines import DirectLines
from app.documents.socket import DocumentSocket
from app.gate import Gate
from app.payloads import BadPayload, InUse, JoinNote, UserJoin, parse
from app.server import Server
from app.session import Session
from app.session_rooms import Refused, SessionRooms, TooManyRooms
from app.sessions import NodeSessions
from app.users import Users
from archive.errors import ArchiveError
from registry.usage import Usage
from streams.errors import LogUnavailable

log = logging.getLogger("roomlog.events")

Handler = Callable[[Session, Any], Awaitable[Any]]


class Events:
    """The handlers, one method an event. What one returns is its acknowledgement."""

    def __init__(
        self,
        gate: Gate,
        sessions: NodeSessions,
        rooms: SessionRooms,
        users: Users,
        usage: Usage,
        channels: ChannelSocket,
        chats: ChatSocket,
        lines: DirectLines,
        documents: DocumentSocket,
    ) -> None:
        self._gate = gate
        self._sessions = sessions
        self._rooms = rooms
        self._users = users
        self._usage = usage
        self._channels = channels
        self._chats = chats
        self._lines = lines
        self._documents = documents

    def register(self, server: Server) -> None:
        """Make the server call these handlers."""
        for event, handler in (
            ("user-join", self.user_join),
            ("heartbeat", self.heartbeat),
            ("usage", self.usage),
            ("events:chat", self._chats.event),
            ("join-channels", self.join_channels),
            ("join-note", self.join_note),
            ("events:channel", self._channels.event),
            *self._documents.handlers(),
        ):
            server.on(event, self._guarded(handler))
        server.on("*", self._unknown)

    def _guarded(self, handler: Handler) -> Callable[..., Awaitable[Any]]:
        """The handler, with its refusals turned into `error {message}` and the acknowledgement `false`."""

        async def handle(sid: str, *args: Any) -> Any:
            session = self._sessions.by_sid.get(sid)
            if session is None:
                return False
            try:
                return await handler(session, args[0] if args else None)
            except BadPayload as fault:
                metrics.BAD_INPUT.inc()
                return _complain(session, str(fault))
            except (Refused, TooManyRooms, BadToken) as fault:
                return _complain(session, str(fault))
            except (LogUnavailable, ArchiveError, ChatBusy) as fault:
                log.warning("an event of %(session)s failed: %(fault)s", {"session": session.sid, "fault": fault})
                return _complain(session, "the server is not ready, try again")

        return handle

    async def _unknown(self, event: str, sid: str, *args: Any) -> Any:
        """An event by a name that is not fixed: a line of a direct completion, or nothing that we know."""
        session = self._sessions.by_sid.get(sid)
        if session is not None and self._lines.is_direct(session, event):
            return await self._guarded(lambda own, payload: self._lines.take(own, event, payload))(sid, *args)
        metrics.BAD_INPUT.inc()
        return _complain(session, f"unknown event {event[:100]!r}") if session is not None else False

    async def user_join(self, session: Session, payload: Any) -> dict[str, str]:
        """`user-join {auth:{token}}` -> `{id, name}`. A newer token of the same user takes the older one's place."""
        token = parse(UserJoin, payload or {}).auth.token
        if token is not None:
            identity = await self._gate.identify(token)
            if identity.user_id != session.user_id:
                raise BadToken("the token is another user's")
            self._sessions.with_identity(session, identity)
        try:
            await self._channels.join_all(session)
        except TooManyRooms as fault:  # it is in as many as it may be in, and who it is has an answer
            _complain(session, str(fault))
        return {"id": session.user_id, "name": session.identity.name}

    async def join_channels(self, session: Session, payload: Any) -> None:
        """`join-channels {auth:{token}}`: into the rooms of all channels of the user."""
        await self.user_join(session, payload)

    async def heartbeat(self, session: Session, payload: Any) -> None:
        """`heartbeat {}`: the user is active."""
        await self._users.active(session.user_id)

    async def join_note(self, session: Session, payload: Any) -> bool:
        """`join-note {note_id, auth:{token}}`: into the room of a note that the user may read."""
        note_id = parse(JoinNote, payload).note_id
        await self.user_join(session, payload)
        await self._rooms.join(session, f"note:{note_id}")
        return True

    async def usage(self, session: Session, payload: Any) -> None:
        """`usage {model}`: a page is using a model."""
        await self._usage.note(parse(InUse, payload).model)


def _complain(session: Session, message: str) -> bool:
    session.send("error", orjson.dumps({"message": message}))
    return False
